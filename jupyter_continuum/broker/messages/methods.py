"""The broker's methods, for the reader and for the test that compares them with reality."""

from __future__ import annotations

METHODS = {
    "version": "() -> {protocol, version, pid}",
    "sites": "(retired: bool) -> [SiteView]; never waits for a site",
    "rank": "(by: 'wait' or price or carbon) -> [RankView]; all offers, the best first",
    "claims": "(offer) -> [ClaimView]; who says what of an offer and its site, by field, what is "
    "shown first",
    "draft": "(site: '' or id) -> DraftView; what is known before the person is asked, and for a "
    "site of their own what other programs know",
    "connect": "(profile: Profile) -> SiteView; saves the profile, logs in, may prompt",
    "disconnect": "(site) -> SiteView; closes the session and forgets the profile",
    "refresh": "(site) -> SiteView; looks now instead of at the next poll",
    "renew": "(site) -> SiteView; runs the program that the site's certificates come from; may "
    "prompt",
    "fault": "(site, fault: Fault or None, over: bool) -> SiteView; lets something go wrong at an "
    "imitated site: that, or with None what its profile keeps for this moment",
    "associations": "(site) -> [AssociationView]",
    "probe": "(site, offer: '' or id, wait_minutes, outbound: '' or host:port) -> ReachView, "
    "None when cancelled; runs a short job, SiteView.probing says how far it is",
    "cancel_probe": "(site) -> {}; returns when nothing of the probe is left",
    "reach": "(site, offer: '' or id) -> ReachView | None; what was measured before",
    "prepare": "(site, gpu, packages, directory, under_home, node_local, prune) -> PreparedView; "
    "builds a worker environment, names it in the profile; how far it is follows as events",
    "stop_preparing": "(site) -> {}; when nothing half is left there, else SiteError",
    "policy": "() -> PolicyView; the person's hard limits, and the offers that they refuse",
    "dry_run": "(plan, accept: claims, foretell) -> DryRun",
    "launch": "(plan, held: bool, accept: claims) -> ClusterView; returns once the scheduler runs, "
    "jobs follow; accept names claims of the policy, as in lumi:price, that are taken as they are; "
    "a held one is stopped after its lease unless somebody holds it",
    "hold": "(name) -> {}; when the last connection that holds a cluster ends without release, "
    "it is stopped after its lease",
    "release": "(name) -> {}; with no holder left it lives on as any other",
    "clusters": "() -> [ClusterView]",
    "cluster": "(name) -> ClusterView",
    "record": "(name: or id) -> ClusterFacts; also of one that has ended, for a time",
    "records": "() -> [RecordView]; of what can be had a record of",
    "attach": "(name, csr, who) -> {address, hub, site, certificate, ca, config}; who is what the "
    "client calls itself",
    "end_access": "(name) -> ClusterView; returns when no client that attached before is connected "
    "or can be again; nobody more is let in",
    "open_access": "(name) -> ClusterView; clients are let in again",
    "access": "(cluster, enforced) -> {least}; from the cluster's scheduler alone, answered when "
    "there is news",
    "datasets": "() -> [DatasetView]; those of the catalogue and the person's own",
    "dataset": "(name, sites) -> DatasetView; PlanRefused where workers at these may not read it",
    "bind": "(dataset, cluster: id) -> {}; returns when no worker of the cluster is where the data "
    "set must not be, nor ever will be; PlanRefused where some are, or are waited for",
    "residence": "(cluster, kept, refused, elsewhere) -> {sites, attempt}; from the cluster's "
    "scheduler alone, answered when there is news",
    "files": "(site, path: '' or folder) -> FilesView",
    "fetch": "(site, path, destination, force: bool) -> FetchedView; destination is absolute, a "
    "file or a folder here; how far it is follows as events",
    "start_fetching": "(site, path, destination, force: bool) -> FetchView; fetch, without waiting",
    "fetches": "() -> [FetchView]; those on their way, and the last that ended",
    "stop_fetching": "(path, destination) -> {}; what has come stays, and the next fetch goes on",
    "foreign_clusters": "() -> [ForeignClusterView]; what others run at the sites",
    "attach_foreign": "(site, name) -> {socket}; leads to its scheduler, which speaks Dask's tcp",
    "dashboard": "(name) -> {socket}; where Dask's pages are: HTTP on a Unix socket, its owner's",
    "scale": "(name, group, jobs) -> ClusterView",
    "logs": "(name, group: '' or name, lines) -> {job name: text}",
    "stop": "(name) -> ClusterView; returns when nothing of it is left at any site",
    "audit": "(site: '' or id, end: bool) -> [OrphanView]",
    "address": "() -> AddressView or None; where agents of sites dial out to",
    "set_address": "(address: Address) -> AddressView; listens there, and keeps it",
    "forget_address": "() -> {}; listens no more",
    "prompts": "() -> [PromptView]",
    "answer": "(id, value) -> {}; value None refuses",
    "subscribe": "() -> {}; the current sites, clusters and prompts follow as events",
    "report": "(cluster, ...) from the cluster's scheduler alone",
    "shutdown": "() -> {}; ends the broker, clusters go on",
}
