"""One cluster: its scheduler process, and what scheduler, workers and clients share.

authority     the cluster's own certificate authority; its key stays with the broker
security      a key made where it is used, and the mutual TLS of every process
environment   what is installed on one side
parity        which differences between two sides refuse, and which are only told
signatures    whether the overridden parts of distributed are as we know them
log           one line per event
wide_link     Dask configuration for links between sites
replicas      which copies of a result may go
reachability  which workers can exchange results, and who is asked; pure
dialling      whether workers can be dialled
verification  joining is verified: gaps are found, told and looked at again
memory        where copies of results may go
http_socket   HTTP on a private Unix socket
pages         pages of workers, beside the scheduler's own
scheduler     distributed's Scheduler, with these changes
report        what the scheduler tells the broker, once a second
code          a person's own modules, on every process
packages      more packages on a running cluster
prints        what tasks print, where their results were asked for
credentials   short-lived ones, in the memory of workers alone
attach        a Client for a notebook

Works without Jupyter, pydantic and asyncssh; importing it imports no Dask.
"""
