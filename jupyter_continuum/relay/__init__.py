"""The Dask comm that lets workers nobody can dial take full part in a cluster.

Two *exchanges*, the hub at home and a gateway at each worker agent, splice byte
streams between processes beside them. Between exchanges all streams share one byte
pipe, the *link*; what the pipe rides on (SSH, a Unix socket) is not this room's matter.
Inside each stream Dask speaks mutual TLS from end to end: exchanges see ciphertext.

address     the form ``relay://site.agent@host:port``
frames      streams, credit, sequence and acknowledgement over one pipe; no I/O
handshake   how two ends of a link prove that they know the link's key; no I/O
exchange    the splice, over asyncio
hub         the exchange at home, a process
gateway     the exchange at a worker agent
comm        the backend that ``distributed`` finds by the scheme
"""
