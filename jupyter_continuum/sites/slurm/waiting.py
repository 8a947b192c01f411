"""What Slurm's word for why a job waits means, and what would help. Pure."""

from __future__ import annotations

MEANINGS = (
    ("Priority", "Jobs of higher priority come first."),
    ("Resources", "It is next: nodes have to become free. Fewer nodes may begin sooner."),
    ("BeginTime", "It may not begin before a time that was set."),
    ("Dependency", "It waits for another job."),
    ("JobHeld", "It is held: release it with `scontrol release`, or ask who held it."),
    ("Licenses", "It waits for a licence."),
    (
        "ReqNodeNotAvail",
        "Nodes that it needs are down, drained or reserved, for maintenance maybe.",
    ),
    (
        "Reservation",
        "It waits for a reservation, of maintenance maybe; a shorter walltime may fit.",
    ),
    ("PartitionDown", "The partition takes jobs and runs none at the moment."),
    ("PartitionInactive", "The partition is closed at the moment."),
    ("PartitionTimeLimit", "Its walltime is above the partition's: scale to 0, launch with less."),
    ("PartitionNodeLimit", "It asks for more nodes than a job of the partition may have."),
    ("NodeDown", "A node that it needs is down."),
    ("BadConstraints", "No node is as it asks: it will never begin."),
    ("InvalidAccount", "The account may not be charged: choose another one."),
    ("InvalidQOS", "The QoS may not be used: choose another one."),
    ("JobArrayTaskLimit", "As many of its kind run as may run at once."),
    ("QOSMaxJobs", "You run as many jobs as this QoS allows at once."),
    ("QOSMaxSubmit", "You have as many jobs in the queue as this QoS allows."),
    ("QOSGrp", "All users of this QoS together have what it may hand out."),
    ("QOSMax", "It would take you above what this QoS allows one person."),
    ("QOSMin", "It asks for less than this QoS demands."),
    ("QOSUsage", "The budget of this QoS is used up."),
    ("AssocMaxJobs", "You run as many jobs as your account allows at once."),
    ("AssocGrpBilling", "The account has no allocation left for it: choose another account."),
    ("AssocGrpCPUMinutes", "The account has no allocation left for it: choose another account."),
    ("AssocGrpGRESMinutes", "The account has no allocation left for it: choose another account."),
    ("AssocGrp", "All users of your account together have what it may hand out."),
    ("AssocMax", "It would take you above what your account allows one person."),
    ("MaxGRESPerAccount", "All users of your account together have what it may hand out."),
    ("MaxJobsPerAccount", "Your account runs as many jobs as it may."),
    ("FedJobLock", "The sites of a federation settle where it runs."),
    ("Cleaning", "It ran before, and its nodes are being cleaned up."),
    ("Prolog", "Its nodes are being prepared."),
)
"""By how the word begins, the first match; the words are those of 22.05 to 26.05."""


def meaning_of(reason: str) -> str:
    """A sentence on ``squeue``'s reason; "" for a word that nobody here knows."""
    return next((said for word, said in MEANINGS if reason.startswith(word)), "")
