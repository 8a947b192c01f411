"""``connect`` and ``disconnect``: a few questions, or none with enough options, and one test."""

from __future__ import annotations

import getpass
import os
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jupyter_continuum.broker.client import call_broker
from jupyter_continuum.broker.sites.candidates import Candidate, candidates_of
from jupyter_continuum.broker.sites.draft import site_name
from jupyter_continuum.broker.sites.profiles import checked_profile, load_profiles, profiles_dir
from jupyter_continuum.broker.sites.renewing import wants_step
from jupyter_continuum.cli import certificates
from jupyter_continuum.cli.draft import Draft, merge
from jupyter_continuum.cli.kubernetes_draft import parse_offer
from jupyter_continuum.cli.prompts import call_with_person
from jupyter_continuum.cli.terminal import ask, choose, confirm, interactive, print_json, say
from jupyter_continuum.errors import ContinuumError, SiteUnreachable
from jupyter_continuum.sites.profile import Profile

Record = dict[str, Any]  # a view as it crossed the socket

TERMED = ("slurm", "kubernetes")
"""Sites that are not this machine."""


def disconnect(options: Namespace) -> int:
    call_broker("disconnect", site=options.site)
    say(f"{options.site}: the session is closed and the profile forgotten.")
    return 0


def connect(options: Namespace) -> int:
    site, draft = start_of(options)
    draft = merge(draft, options, user=getpass.getuser())
    asking = interactive() and not options.yes
    if asking:
        ask_the_rest(site, draft, options)
    profile = checked(site, draft)
    view = logged_in(profile, trust=options.yes)
    if profile.kind == "slurm" and not profile.account:
        profile = with_account(profile, asking=asking, quiet=options.json)
        if profile.account:
            view = logged_in(profile, trust=options.yes)
    if options.json:
        print_json(view)
    else:
        report(profile, view)
    return 0


def start_of(options: Namespace) -> tuple[str, Draft]:
    """The site's id, and what is known of it before anything is asked."""
    site = options.site or options.site_option
    if site is None:
        if not interactive() or options.yes:
            raise ContinuumError(
                "Which site? Name it: `jupyter continuum connect SITE`; "
                "`jupyter continuum sites` lists those of the catalogue."
            )
        return choose_site()
    return site, draft_from_broker(site)


def choose_site() -> tuple[str, Draft]:
    known = [
        site
        for site in call_broker("sites", retired=False)
        if site["state"] not in {"retired", "planned"}
    ]
    candidates = candidates_of(Path.home(), getpass.getuser(), os.environ)
    found = [each for each in candidates if each.profile]
    for each in candidates:
        if not each.profile:
            say(f"{each.name}, from your {each.source} ({each.text}): {each.reason}.")
    choices = [f"{site['id']}  {site['name']}" for site in known]
    choices += [f"{each.name}  from your {each.source}: {each.text}" for each in found]
    choices.append("own  a cluster that is not listed")
    chosen = choose("Which site?", choices, default=len(choices) - 1)
    if chosen < len(known):
        return known[chosen]["id"], draft_from_broker(known[chosen]["id"])
    if chosen < len(known) + len(found):
        return from_candidate(found[chosen - len(known)])
    return ask("A short name for it (lower case)", default="mycluster"), {"kind": "slurm"}


def from_candidate(candidate: Candidate) -> tuple[str, Draft]:
    name = ask("A short name for it", default=site_name(candidate.name))
    return name, dict(candidate.profile)


def draft_from_broker(site: str) -> Draft:
    """The saved profile, else what the record of ``site`` says; little for one of one's own."""
    draft: Draft = call_broker("draft", site=site)["profile"]
    return draft


def ask_the_rest(site: str, draft: Draft, options: Namespace) -> None:
    """Fill ``draft`` with what only the person knows."""
    ask_of_terms(site, draft)
    if draft["kind"] == "kubernetes":
        ask_of_cluster(draft["kubernetes"])
    if draft["kind"] != "slurm":
        return
    login = dict(draft.get("ssh") or {})
    if not login:
        host = ask("Login node (left empty, sbatch runs on this machine)")
        if not host:
            return
        login = {"host": host}
    login["user"] = options.user or ask(
        f"Your user name at {login['host']}", default=login.get("user", getpass.getuser())
    )
    if not login.get("key"):
        key = ask("Private key file (left empty, your SSH agent and default keys)")
        if key:
            login["key"] = str(Path(key).expanduser())
    get_certificate(site, login)
    draft["ssh"] = login
    if not draft.get("work_directory"):
        directory = ask(
            "Work directory there, on scratch if there is one (left empty, ~/continuum)"
        )
        if directory:
            draft["work_directory"] = directory


def ask_of_terms(site: str, draft: Draft) -> None:
    """Whether a site of the catalogue may be used as far as its terms go."""
    from jupyter_continuum.cli.records import record_of, stated

    record = record_of(site)
    if record is None or draft.get("terms_accepted") or draft["kind"] not in TERMED:
        return
    where = stated(record, "terms") or stated(record, "docs") or stated(record, "web_portal")
    read = f" ({where})" if where else ""
    draft["terms_accepted"] = confirm(
        f"Have you accepted the terms of use of {record.name}{read}?", default=False
    )


def ask_of_cluster(cluster: Draft) -> None:
    """Which context, and what a pod is made of."""
    if not cluster.get("context"):
        contexts = [
            each.name
            for each in candidates_of(Path.home(), getpass.getuser(), os.environ)
            if each.source == "kubeconfig" and each.profile
        ]
        if not contexts:
            raise ContinuumError(
                "Your kubeconfig has no context. Get one from the cluster's owner, then name it "
                "with --context, and the file with --kubeconfig."
            )
        cluster["context"] = contexts[choose("Which context of your kubeconfig?", contexts)]
    if not cluster.get("namespace"):
        namespace = ask("Namespace (left empty, the context's own)")
        cluster |= {"namespace": namespace} if namespace else {}
    if not cluster.get("offers"):
        image = ask("Image with a worker environment")
        cpus = ask("CPUs of a pod", default="2")
        memory = ask("GB of memory of a pod", default="8")
        gpus = ask("GPUs of a pod", default="0")
        name = "cpu" if gpus == "0" else "gpu"
        text = f"name={name},cpus={cpus},memory={memory},gpus={gpus}"
        cluster["offers"] = [parse_offer(text, image=image)]


def get_certificate(site: str, login: Draft) -> None:
    """Go the site's way to a certificate, where its record or its host says that it has one."""
    from jupyter_continuum.cli.records import record_of, stated

    record = record_of(site)
    access = str((stated(record, "access_protocol") if record else "") or "")
    if wants_step(access):
        say(f"{site}: {access}.")
        provisioner = ask("Name of the provisioner, from the site's guide", default="cineca-hpc")
        certificates.step_login(provisioner)
    elif certificates.wants_federation(login["host"]):
        key = Path(login.get("key") or Path.home() / ".ssh" / "id_ed25519")
        stored = certificates.federation_certificate(key)
        if stored is not None:
            login |= {"key": str(key), "certificate": str(stored)}
            say(f"The certificate lies in {stored}.")


def checked(site: str, draft: Draft) -> Profile:
    """The profile; ContinuumError names the field that is wrong."""
    fields = {key: value for key, value in draft.items() if value is not None}
    if fields["kind"] == "emulated":
        fields.setdefault("emulated", {})
    if fields["kind"] == "kubernetes":
        complete(site, fields["kubernetes"])
    return checked_profile({**fields, "site": site})


def complete(site: str, cluster: Draft) -> None:
    """Raise ContinuumError where what a Kubernetes site needs was not said."""
    for word, example in (("context", "NAME"), ("offers", "IMAGE")):
        if not cluster.get(word):
            option = "--image" if word == "offers" else f"--{word}"
            raise ContinuumError(
                f"{site}: a Kubernetes site needs {option} {example}: "
                f"`jupyter continuum connect {site} --context NAME --image IMAGE`."
            )


def logged_in(profile: Profile, *, trust: bool) -> Record:
    """The site, connected, its profile saved by the broker."""
    view: Record = call_with_person(
        "connect",
        trust_host_key_of=profile.site if trust else "",
        profile=profile.model_dump(mode="json"),
    )
    if view["state"] != "ready":
        raise SiteUnreachable(
            f"{profile.site} is {view['state']}: {view['reason'] or 'it gave no reason'}"
        )
    return view


def with_account(profile: Profile, *, asking: bool, quiet: bool) -> Profile:
    """The profile with account and QoS from what the site says the person may charge."""
    found = call_with_person("associations", site=profile.site)
    saved = load_profiles().by_site.get(profile.site, profile)
    if not found:
        return saved
    accounts = list(dict.fromkeys(each["account"] for each in found))
    if len(accounts) == 1:
        account = accounts[0]
    elif asking:
        account = accounts[choose("Which account is charged?", accounts)]
    else:
        if not quiet:
            say(f"Your default account is charged; --account takes one of {', '.join(accounts)}.")
        return saved
    return saved.model_copy(
        update={"account": account, "qos": choose_qos(found, account, asking, saved)}
    )


def choose_qos(found: Sequence[Record], account: str, asking: bool, profile: Profile) -> str | None:
    """A QoS of ``account`` when there is a choice; None leaves it to the site's default."""
    qos: list[str] = sorted(
        {word for each in found if each["account"] == account for word in each["qos"]}
    )
    if profile.qos or not asking or len(qos) < 2:
        return profile.qos
    if not confirm(
        f"The site decides among the QoS {', '.join(qos)}. Choose one yourself?", default=False
    ):
        return None
    return qos[choose("Which QoS?", qos)]


def report(profile: Profile, view: Record) -> None:
    launchable = [offer["id"] for offer in view["offers"] if offer["launchable"]]
    say(f"{profile.site}: ready, {len(launchable)} offers. {view['reason']}".rstrip())
    path = profiles_dir() / f"{profile.site}.json"
    held = (
        "context, namespace and offers; no token or key"
        if profile.kind == "kubernetes"
        else "login, account and work directory; no password, code or key"
    )
    say(f"Saved in {path}: {held}.")
    if launchable:
        say(f"Try `jupyter continuum launch --on {launchable[0]}`.")
