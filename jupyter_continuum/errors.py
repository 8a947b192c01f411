"""Every error a person can see, as one family.

ContinuumError
├── CatalogueError        a record cannot be read
├── Unknown               no site, offer, cluster or group of that name
├── PlanRefused           the plan asks for what an offer cannot give
├── AlreadyHere           a file of that name is here, and nobody has said to replace it
├── SiteError
│   ├── SiteUnreachable   the site does not answer
│   ├── SignInRequired    the site wants a person (code, certificate, passphrase)
│   ├── HostKeyChanged    the host key is not the pinned one
│   ├── CarrierDenied     the site does not allow this way to its workers; another may do
│   └── SubmitRefused     the batch system said no
├── AnalysisError         an analysis cannot be done with this array, device or cluster
├── RunError              a notebook cannot be run as asked, or did not run to its end
├── RelayError            a byte stream could not be opened
└── BrokerError           the broker does not answer, or is of another version

A message is one sentence that says what is wrong, where, and what to do next.
"""

from __future__ import annotations


class ContinuumError(Exception):
    """Base of all errors of this package; ``str(error)`` is fit for a person."""


class CatalogueError(ContinuumError):
    """A record cannot be read; the message names file, line and field."""


class Unknown(ContinuumError):
    """No site, offer, cluster or group of that name."""


class PlanRefused(ContinuumError):
    """The plan asks for what an offer cannot give."""


class AlreadyHere(ContinuumError):
    """A file of that name is here; a face asks whether to replace it."""


class SiteError(ContinuumError):
    """Something at a site went wrong."""


class SiteUnreachable(SiteError):
    """The site does not answer; trying again later is safe."""


class SignInRequired(SiteError):
    """The site wants a person: a one-time code, a new certificate, a passphrase."""


class HostKeyChanged(SiteError):
    """The host key is not the pinned one; nothing was sent."""


class CarrierDenied(SiteError):
    """This carrier cannot work at this site; another may."""


class SubmitRefused(SiteError):
    """The batch system said no; trying again without a change is useless."""


class AnalysisError(ContinuumError):
    """An analysis cannot be done with this array, on this device or on this cluster."""


class RunError(ContinuumError):
    """A notebook cannot be run as asked, or did not run to its end."""


class RelayError(ContinuumError):
    """A byte stream between two processes of a cluster could not be opened."""


class BrokerError(ContinuumError):
    """The broker does not answer, or speaks another version."""


FAMILY: dict[str, type[ContinuumError]] = {
    kind.__name__: kind
    for kind in (
        ContinuumError,
        CatalogueError,
        Unknown,
        PlanRefused,
        AlreadyHere,
        SiteError,
        SiteUnreachable,
        SignInRequired,
        HostKeyChanged,
        CarrierDenied,
        SubmitRefused,
        AnalysisError,
        RunError,
        RelayError,
        BrokerError,
    )
}
"""Error classes by name: how an error crosses the broker's socket."""
