"""The agent that runs at a site, one per node of a job: ``python -m jupyter_continuum.worker DIR``.

ticket      the secret that lets an agent into its cluster, read once
outbound    a WebSocket to the person's own address, where sites can dial one
way_out     how a node gets out, and why it does not
agent       from the ticket to the last worker, and out
devices     what computes here: which GPUs, and who gets which
supervise   one worker with its nanny, started again while its allocation lives
forking     the process that workers fork from, and when they are spawned instead
zygote      what that process imports, and does before the first fork
node        distributed's Worker and Nanny without a listening TCP port
output      what tasks print is told
pages       what a worker shows of itself
node_copy   the environment's copy on the node's own disk, and its end
deadlines   lease and walltime

Needs distributed, cryptography and websockets, no Jupyter.
"""
