"""The Dask comm that lets workers nobody can dial take full part in a cluster.

Two *exchanges*, the hub at home and a gateway at each worker agent, splice byte
streams between processes beside them. Between exchanges all streams share one byte
pipe, the *link*; what the pipe rides on (SSH, a Unix socket) is not this room's matter.
Inside each stream Dask speaks mutual TLS from end to end: exchanges see ciphertext.

address     the form ``relay://site.agent@host:port``
frames      what exchanges say to each other, as bytes; no I/O
link        streams, credit and what was not acknowledged, over a pipe that may break; no I/O
handshake   how two ends of a link prove that they know the link's key; no I/O
pipe        a stream socket, read and written without copies
splice      two ends of a byte stream tied together
ends        one end of a link, over one pipe after the other
exchange    who is tied to whom
doorway     a socket during the handshake
hub         the exchange at home, a process
gateway     the exchange at a worker agent
dialling    the shortest way to a process
comm        the backend that ``distributed`` finds by the scheme
"""
