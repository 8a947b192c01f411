"""The words of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from jupyter_continuum.cli.run_arguments import accept_word, run_words, sweep_words

NOTHING_BEGUN = "Stopped. Nothing was changed."
LAUNCH_GOES_ON = (
    "Stopped watching; the launch goes on. `jupyter continuum list` shows it, "
    "`jupyter continuum stop NAME` ends it."
)
CLUSTERS_GO_ON = (
    "Stopped waiting; the broker goes on with it. `jupyter continuum list` shows how far."
)
DASHBOARD_ENDED = "The dashboard is closed; the cluster goes on."
KEPT_IN_PART = "Stopped. What has come is kept as .part; the same command goes on from there."
NOTHING_HALF = "Stopped. Nothing half is left at the site."
DEMO_ENDED = "The demo was interrupted; all that it started has ended."


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command and its options; exits with status 2 and a usage line when they make no sense."""
    return parser().parse_args(arguments)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="jupyter continuum",
        description="One Dask cluster across supercomputers, clouds and this machine.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(
        name: str, text: str, *, json: bool = False, interrupted: str = NOTHING_BEGUN
    ) -> Callable[..., argparse.Action]:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(interrupted=interrupted)
        if json:
            made.add_argument("--json", action="store_true", help="for programs")
        return made.add_argument

    _listing_words(command)
    _connect_words(command)
    _cluster_words(command)
    run_words(command)
    sweep_words(command)
    _teaching_words(command)
    _other_words(command)
    return top


def _listing_words(command: Callable[..., Callable[..., argparse.Action]]) -> None:
    add = command("sites", "sites that exist, and how each one is now", json=True)
    add("--retired", action="store_true", help="also those that have closed")

    add = command("offers", "what can be allocated, and what is free now", json=True)
    add("--gpu", nargs="?", const="any", metavar="MODEL", help="GPUs, of this vendor or model")
    add("--country", metavar="CODE", help="two letters, such as FI")
    add("--site", metavar="SITE")
    add("--free", action="store_true", help="with something free at the last look")
    add("--sort", choices=("wait", "price", "carbon"), help="best first; unknown comes last")
    add("--policy", action="store_true", help="only what your policy refuses, and why")
    add("--wide", action="store_true", help="all columns, and with --sort why each stands there")

    add = command("list", "clusters, their groups and what each waits for", json=True)
    add("name", nargs="?", metavar="CLUSTER", help="only this one, with every worker")

    command("datasets", "data sets that are known, and what is said of each", json=True)

    add = command("files", "what lies in a folder at a site", json=True)
    add("site", metavar="SITE")
    add("path", nargs="?", default="", metavar="FOLDER", help="left out: where a login would be")

    add = command("fetch", "bring a file of a site here", json=True, interrupted=KEPT_IN_PART)
    add("source", metavar="SITE:PATH")
    add("destination", metavar="DEST", help="a file or a folder here")
    add("--force", action="store_true", help="replace a file that is there")


def _connect_words(command: Callable[..., Callable[..., argparse.Action]]) -> None:
    add = command("connect", "make a site usable: log in, test, save a profile", json=True)
    add("site", nargs="?", metavar="SITE", help="a site of the catalogue, or a name for your own")
    add("--site", dest="site_option", metavar="SITE", help="the same, as an option")
    add("--kind", choices=("slurm", "kubernetes", "local", "emulated"))
    add("--name", help="what to call a site of your own")
    add("--host", help="login node; left out, sbatch runs on this machine")
    add("--port", type=int)
    add("--user", help="login name at the site")
    add("--key", metavar="FILE", help="private key; left out, the agent and the default keys")
    add("--certificate", metavar="FILE", help="SSH certificate of the key")
    add("--no-agent", action="store_true", help="do not ask the SSH agent")
    add(
        "--jump",
        action="append",
        metavar="USER@HOST[:PORT]",
        help="go through; repeat, outermost first",
    )
    add("--host-key", metavar="KEY", help="pin this public host key instead of being asked")
    add("--account", help="account to charge")
    add("--qos", help="quality of service")
    add("--work-directory", metavar="DIR", help="at the site, for jobs; not in a small home")
    add("--python", metavar="FILE", help="interpreter of the worker environment at the site")
    add(
        "--carrier",
        choices=("ssh-forward", "ssh-exec", "outbound"),
        help="the one way to the workers; left out, the best that works",
    )
    add("--prologue", metavar="LINES", help="shell lines before the worker (module load ...)")
    add(
        "--emulated",
        metavar="KEY=VALUE,...",
        help="an imitation on this machine: queue_seconds=5,nodes=2,delay_ms=15,country=NO",
    )
    add("--context", metavar="NAME", help="of your kubeconfig: the site is a Kubernetes cluster")
    add("--namespace", metavar="NAME", help="where pods go; left out, the context's own")
    add("--kubeconfig", metavar="FILE", help="left out, $KUBECONFIG or ~/.kube/config")
    add("--image", metavar="IMAGE", help="image with a worker environment, for pods")
    add(
        "--offer",
        action="append",
        metavar="KEY=VALUE,...",
        help="pods there: name=gpu,cpus=8,memory=32,gpus=1,model=A100,select=KEY:VALUE,"
        "tolerate=KEY,walltime=60; repeat for more",
    )
    add(
        "--accept-terms",
        dest="terms_accepted",
        action="store_const",
        const=True,
        help="you have accepted the site's terms of use; a policy may ask for that",
    )
    add("--yes", action="store_true", help="ask nothing; trust the host key that is met first")

    add = command("rbac", "print the rights a Kubernetes site's administrator has to give")
    add("--cluster-reader", action="store_true", help="the optional ones: to see what is free")

    add = command(
        "prepare",
        "build a worker environment that fits yours at a site, and name it in the profile",
        json=True,
        interrupted=NOTHING_HALF,
    )
    add("site", nargs="?", metavar="SITE")
    add("--gpu", choices=("cuda12", "cuda13", "rocm"), default="", help="with CuPy for these GPUs")
    add(
        "--with",
        action="append",
        dest="packages",
        metavar="PACKAGE",
        help="with this too: in the version that is installed here, or NAME==VERSION; repeat",
    )
    add("--directory", default="", metavar="DIR", help="at the site; the work directory otherwise")
    add("--under-home", action="store_true", help="also where that is in your home directory")
    add(
        "--node-local",
        nargs="?",
        const="$TMPDIR",
        default="",
        metavar="DIR",
        help="jobs unpack a copy there, on their node's own disk; $TMPDIR when left out",
    )
    add("--prune", action="store_true", help="remove earlier ones that nothing uses")
    add(
        "--recipe",
        choices=("oci", "apptainer"),
        help="print a Containerfile or a definition instead; its wheel goes to --directory",
    )

    add = command("disconnect", "close the session of a site and forget its profile")
    add("site", metavar="SITE")


def _cluster_words(command: Callable[..., Callable[..., argparse.Action]]) -> None:
    add = command(
        "launch", "start one cluster on one or more offers", json=True, interrupted=LAUNCH_GOES_ON
    )
    add("--plan", metavar="FILE", help="a plan, as JSON or YAML")
    add("--on", action="append", metavar="OFFER[:JOBS]", help="site/offer; repeat for more sites")
    add("--name", metavar="CLUSTER", help="made up when left out")
    add("--nodes", type=int, metavar="N", help="nodes of each job")
    add("--workers-per-node", type=int, metavar="N", help="one per GPU, or one, when left out")
    add("--walltime", type=int, metavar="MINUTES", help="of each job")
    add("--dry-run", action="store_true", help="show what would be submitted, and submit nothing")
    accept_word(add)
    add("--no-wait", action="store_true", help="return as soon as the scheduler runs")

    add = command(
        "scale", "change how many jobs a group has", json=True, interrupted=CLUSTERS_GO_ON
    )
    add("name", metavar="CLUSTER")
    add("group", metavar="GROUP")
    add("jobs", type=int, metavar="JOBS")

    add = command("logs", "what the jobs of a cluster printed", json=True)
    add("name", metavar="CLUSTER")
    add("group", nargs="?", default="", metavar="GROUP")
    add("--lines", type=int, default=50)

    add = command("access", "who can run code in a cluster and where; end all of it", json=True)
    add("name", metavar="CLUSTER")
    chosen = {"dest": "method", "action": "store_const", "default": "cluster"}
    add("--end", const="end_access", help="drop every client now, and let none in", **chosen)
    add("--open", const="open_access", help="let clients in again", **chosen)

    add = command(
        "dashboard", "show Dask's pages of a cluster in a browser", interrupted=DASHBOARD_ENDED
    )
    add("name", metavar="CLUSTER")
    add("--port", type=int, default=0, help="on 127.0.0.1; any free one when left out")

    add = command(
        "audit", "jobs at your sites that no cluster owns", json=True, interrupted=CLUSTERS_GO_ON
    )
    add("--site", default="", metavar="SITE")
    add("--end", action="store_true", help="end them")

    add = command(
        "record",
        "write down what ran where, for how long, and what crossed borders; also of the ended",
        json=True,
    )
    add("name", nargs="?", default="", metavar="CLUSTER", help="or its id; left out, list them")
    add("-o", "--output", metavar="NAME", help="NAME.record.json and .html; the cluster's own name")

    add = command(
        "stop", "end clusters; returns when nothing is left at any site", interrupted=CLUSTERS_GO_ON
    )
    add("names", nargs="*", metavar="CLUSTER")
    add("--all", action="store_true", help="every cluster")


def _teaching_words(command: Callable[..., Callable[..., argparse.Action]]) -> None:
    add = command(
        "demo",
        "imitated sites on this machine, one cluster over them, lessons on it",
        json=True,
        interrupted=DEMO_ENDED,
    )
    add(
        "--headless",
        action="store_true",
        help="run the first lesson, without a browser, and print a summary",
    )
    add("--notebook", metavar="FILE", help="this notebook instead of the lessons")
    add(
        "--html",
        default="",
        metavar="FOLDER",
        help="with --headless: run all lessons, and keep each as a page there",
    )
    add("--class", dest="class_file", metavar="FILE", help="another class than the shipped one")
    add("--port", type=int, default=8888, help="of JupyterLab; the next free one is taken")

    add = command(
        "teach",
        "give yourself the imitated sites and the cluster of a class, from its one file",
        json=True,
        interrupted=LAUNCH_GOES_ON,
    )
    add("file", metavar="FILE", help="YAML; `notebooks/class.yaml` is an example")
    accept_word(add)

    add = command("fault", "let something go wrong at an imitated site, now", json=True)
    add("site", metavar="SITE", help="alone: what its class keeps for this moment goes wrong")
    add("--down", action="store_true", help="its nodes fail: jobs end, and none starts")
    add("--away", action="store_true", help="it is cut off: nothing answers, and jobs go on")
    add("--queue-seconds", type=float, metavar="N", help="jobs wait so long")
    add("--max-walltime-minutes", type=int, metavar="N", help="longer jobs are ended")
    add("--delay-ms", type=float, metavar="N", help="of its link, one way")
    add("--rate-mbit", type=float, metavar="N", help="of its link")
    add("--for-seconds", type=float, metavar="N", help="then all is well again")
    add("--over", action="store_true", help="all that was wrong is over")


def _other_words(command: Callable[..., Callable[..., argparse.Action]]) -> None:
    add = command(
        "address", "where workers dial out to, at sites that nobody can dial into", json=True
    )
    add("url", nargs="?", metavar="URL", help="wss://HOST:PORT; left out, show the one in use")
    add("--listen", metavar="HOST:PORT", help="of this machine; that of the URL when left out")
    add(
        "--certificate", metavar="FILE", help="PEM chain; left out, one is made and workers know it"
    )
    add("--key", metavar="FILE", help="PEM key of the certificate")
    add("--plain-behind-proxy", action="store_true", help="a proxy of yours in front speaks TLS")
    add("--forget", action="store_true", help="listen no more")

    add = command(
        "doctor",
        "check this installation and every connected site; or measure what works at one of them",
        json=True,
    )
    add("site", nargs="?", metavar="SITE", help="run a probe there: a job of at most 2 minutes")
    add("--offer", default="", metavar="SITE/OFFER", help="where; the easiest when left out")
    add("--wait", type=float, default=10, metavar="MINUTES", help="in the queue, at most (10)")
    add(
        "--outbound-target",
        default="",
        metavar="HOST:PORT",
        help="what the node dials; your own address, or pypi.org:443",
    )
