"""Worker environments, from one lock: what a site must have installed, and how it gets it.

target     an interpreter somewhere else, and which wheels run under it
lock       exact versions of the worker's packages, as installed here
wheels     wheels made of what is installed here
index      versions and wheels that only pip's index has
parcels    wheels on their way to a site, in pieces that can be sent again
steps      the shell text of each step at a site
check      what an interpreter at a site has installed
build      the whole way, from a look at the site to an environment in place
extra      more packages on a running cluster
recipe     the same lock as a Containerfile or an Apptainer definition

Needs a Shell and nothing else of a site.
"""
