"""The record as a page for whoever reviews a paper: one file, no scripts, all escaped. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any

from jupyter_continuum.runs.record.model import GroupPart, Quantity, RunRecord, SweepPart
from jupyter_continuum.table import as_html, clean

Row = Sequence[object]
UNKNOWN = "unknown"
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1b1b; background: #fff;
  max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 1.8rem 0 .4rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0;
  border-bottom: 1px solid #ddd; overflow-wrap: break-word; }
th { font-weight: 600; white-space: nowrap; } ul { padding-left: 1.2rem; }
@media print { body { margin: 0; } tr { break-inside: avoid; } }
"""


def page(record: RunRecord) -> str:
    """The whole file."""
    title = escape(_title(record))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{title}</h1>\n{body(record)}\n</body>\n</html>\n"
    )


def body(record: RunRecord) -> str:
    """What stands below the title: also what a notebook shows."""
    parts = [
        _paragraph(_summary(record)),
        _section("To know", _list(record.notes)),
        _section("Notebook", "" if record.sweep else _notebook(record)),
        _section("Sweep", _sweep(record.sweep) if record.sweep else ""),
        _section("Sites", _table(SITES, map(_site, record.sites))),
        _section("Workers", _table(WORKERS, map(_workers, record.groups))),
        _section("Hours", _table(HOURS, _hours(record))),
        _section("Energy and carbon", _table(AMOUNTS, _amounts(record))),
        _section("Data between sites", _table(TRAFFIC, _traffic(record)) + _borders(record)),
        _section("Remote hosts contacted", _table(HOSTS, _hosts(record)), "None."),
        _section("Versions", _table(VERSIONS, _versions(record))),
        _section("Policy in force", _paragraph(record.policy.said) + _rules(record)),
        _section("Claims accepted", _table(CLAIMS, _claims(record)), "None."),
        _section("Gaps", _table(GAPS, _gaps(record)), "None: a broker watched all the time."),
    ]
    return "\n".join(part for part in parts if part)


SITES = ("SITE", "NAME", "KIND", "OPERATOR", "COUNTRY", "JURISDICTION")
WORKERS = ("GROUP", "OFFER", "JOBS", "A JOB ASKED FOR", "ENVIRONMENT", "NODES")
HOURS = ("GROUP", "OF", "HOURS", "AT LEAST", "AT MOST", "KIND", "BY")
AMOUNTS = ("GROUP", "WHAT", "AMOUNT", "AT LEAST", "AT MOST", "KIND", "BASIS, OR WHY UNKNOWN")
TRAFFIC = ("FROM", "COUNTRY", "TO", "COUNTRY", "BYTES", "CROSSES A BORDER")
HOSTS = ("SITE", "ROLE", "HOST", "PORT", "BY")
VERSIONS = ("WHERE", "AGENTS", "PYTHON", "PACKAGES", "GPU SOFTWARE", "MACHINE")
CLAIMS = ("ABOUT", "FIELD", "VALUE", "KIND", "SOURCE", "OBSERVED", "EXPIRES", "USED FOR", "NOTE")
GAPS = ("FROM (UTC)", "TO (UTC)")


RULES = ("RULE", "SITE", "VERDICT", "WHAT IT SAID")


def _rules(record: RunRecord) -> str:
    found = record.policy.findings
    rows = [(each.rule, each.site or "all", each.verdict, each.said) for each in found]
    return _table(RULES, rows) if rows else ""


def _title(record: RunRecord) -> str:
    what = record.notebook.output if record.notebook else f"the cluster {record.cluster.name}"
    if record.sweep:
        what = f"the sweep of {record.sweep.notebook}"
    return f"Run record of {clean(what)}"


def _summary(record: RunRecord) -> str:
    span = f"{_moment(record.start)} to {_moment(record.end)} UTC"
    end = "" if record.complete else ", and it goes on"
    return (
        f"Cluster {record.cluster.name} ({record.cluster.id}), {span}{end}. "
        f"Written {_moment(record.written)} UTC. "
        "A number is measured, estimated or unknown, and says which."
    )


def _notebook(record: RunRecord) -> str:
    run = record.notebook
    if run is None:
        return _paragraph("None: this is interactive work.")
    rows: list[Row] = [
        ("notebook", run.name),
        ("SHA-256 of it", run.sha256),
        ("result", run.output),
        ("SHA-256 of it", run.output_sha256),
        ("kernel", run.kernel),
        ("ended", run.state),
        ("cells run", run.cells_run),
        ("from", f"{_moment(run.started)} UTC"),
        ("to", f"{_moment(run.ended)} UTC"),
    ]
    parameters = ((name, repr(value)) for name, value in run.parameters.items())
    given = _table(("PARAMETER", "VALUE"), parameters) or _paragraph("No parameters were given.")
    return _table(("WHAT", "VALUE"), rows) + given


def _sweep(sweep: SweepPart) -> str:
    ended = sweep.completed + sweep.failed + sweep.died
    rows: list[Row] = [
        ("notebook", sweep.notebook),
        ("SHA-256 of its cells", sweep.digest),
        ("kernel", sweep.kernel),
        ("runs", sweep.runs),
        ("completed", sweep.completed),
        ("failed", sweep.failed),
        ("died", sweep.died),
        ("not run", sweep.runs - ended),
        ("seconds of all runs", f"{sweep.run_seconds:,.6g}"),
        ("this record: from", f"{_moment(sweep.started)} UTC"),
        ("to", f"{_moment(sweep.ended)} UTC"),
        ("runs that ended in it", len(sweep.runs_here)),
        ("runs of no record", len(sweep.runs_of_no_record)),
        ("earlier records", ", ".join(sweep.earlier_records) or "none"),
        ("energy of each run", sweep.energy_of_runs),
    ]
    values = [(name, ", ".join(map(repr, found))) for name, found in sweep.axes.items()]
    values += [(name, repr(value)) for name, value in sweep.fixed.items()]
    return _table(("WHAT", "VALUE"), rows) + _table(("PARAMETER", "VALUES"), values)


def _site(site: Any) -> Row:  # a SitePart
    kind = "imitation on this machine" if site.kind == "emulated" else site.kind
    return (site.id, site.name, kind, site.operator, site.country, site.jurisdiction)


def _workers(group: GroupPart) -> Row:
    asked = [
        f"nodes: {group.nodes_per_job}",
        f"workers a node: {group.workers_per_node}",
        f"CPUs a worker: {group.cpus_per_worker}",
        f"GPUs a worker: {group.gpus_per_worker} {group.gpu_type}".rstrip(),
        f"{group.memory_gb_per_worker:g} GB a worker" if group.memory_gb_per_worker else "",
        f"QoS {group.qos}" if group.qos else "",
        f"{group.walltime_seconds / 3600:g} h at most",
    ]
    installed = [
        f"lock {group.environment_lock}" if group.environment_lock else "",
        *(f"image {image}" for image in group.images),
    ]
    return (
        group.name,
        group.offer,
        len(group.jobs) + group.earlier_jobs,
        ", ".join(part for part in asked if part),
        ", ".join(part for part in installed if part) or "neither a lock nor an image is known",
        ", ".join(sorted({node for job in group.jobs for node in job.nodes})),
    )


def _hours(record: RunRecord) -> Iterator[Row]:
    parts: list[Any] = [*record.groups, record.totals]
    for part in parts:
        name = getattr(part, "name", "all")
        for what, found in (
            ("jobs", part.wall_hours),
            ("cores", part.core_hours),
            ("devices", part.device_hours),
        ):
            bounds = _number(found.least), _number(found.most)
            yield name, what, _number(found.value), *bounds, found.kind, _basis(found)


def _amounts(record: RunRecord) -> Iterator[Row]:
    parts: list[Any] = [*record.groups, record.totals]
    for part in parts:
        name = getattr(part, "name", "all")
        yield _amount(name, "energy", part.energy)
        yield _amount(name, "carbon", part.carbon)
        for each in getattr(part, "energy_parts", ()):
            yield _amount(name, f"energy of the {each.of}", each.energy)
            yield _amount(name, f"carbon of the {each.of}", each.carbon)


def _amount(name: str, what: str, found: Quantity) -> Row:
    """A bound that is not known is left empty: most have none."""
    bounds = (_number(found.least) or " ", _number(found.most) or " ")
    amount = f"{_number(found.value)} {found.unit}" if found.value is not None else None
    return name, what, amount, *bounds, found.kind, _basis(found)


def _traffic(record: RunRecord) -> Iterator[Row]:
    for each in record.traffic:
        crosses = {True: "yes", False: "no", None: None}[each.crosses_border]
        yield (
            _place(each.source),
            each.source_country,
            _place(each.target),
            each.target_country,
            f"{each.bytes:,}",
            crosses,
        )


def _borders(record: RunRecord) -> str:
    found = record.totals
    return _paragraph(
        f"Between sites: {found.bytes_between_sites:,} bytes; across country borders: "
        f"{found.bytes_across_borders:,}; between places of which a country is unknown: "
        f"{found.bytes_across_unknown_borders:,}."
    )


def _hosts(record: RunRecord) -> Iterator[Row]:
    for host in record.hosts:
        yield host.site, host.role, host.host, host.port or " ", ", ".join(host.by) or " "


def _versions(record: RunRecord) -> Iterator[Row]:
    for each in record.versions:
        gpu = {
            "": each.cupy,
            "CUDA runtime ": each.cuda_runtime,
            "CUDA driver ": each.cuda_driver,
        }
        gpus = [f"{each.gpus.count(model)} x {model}" for model in dict.fromkeys(each.gpus)]
        yield (
            each.where,
            each.agents or " ",
            each.python,
            ", ".join(f"{name} {version}" for name, version in sorted(each.packages.items())),
            ", ".join(f"{name}{version}" for name, version in gpu.items() if version)
            or "none found",
            ", ".join(filter(None, (each.architecture, each.libc, *gpus))),
        )


def _claims(record: RunRecord) -> Iterator[Row]:
    for each in record.claims:
        yield (
            each.about,
            each.field,
            each.value,
            each.kind,
            f"{each.source} {each.url}".strip(),
            each.observed,
            each.expires or " ",
            "the plan's check" if each.checked else "this record",
            each.note or " ",
        )


def _gaps(record: RunRecord) -> Iterator[Row]:
    for gap in record.gaps:
        yield _moment(gap.start), _moment(gap.end)


# Marks ---------------------------------------------------------------------------------------


def _basis(found: Quantity) -> str:
    return found.reason or found.source


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.6g}"


def _moment(moment: Any) -> str:  # a datetime in UTC
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _place(name: str) -> str:
    return "this machine" if name == "home" else name


def _section(title: str, content: str, otherwise: str = "") -> str:
    shown = content or (_paragraph(otherwise) if otherwise else "")
    return f"<h2>{escape(title)}</h2>\n{shown}" if shown else ""


def _paragraph(text: str) -> str:
    return f"<p>{escape(' '.join(clean(text).split()))}</p>"


def _list(sentences: Iterable[str]) -> str:
    lines = "".join(f"<li>{escape(clean(each))}</li>" for each in sentences)
    return f"<ul>{lines}</ul>" if lines else ""


def _table(head: Sequence[str], rows: Iterable[Row]) -> str:
    """Unknown is said as unknown; "" for a table of nothing."""
    kept = [[UNKNOWN if value in (None, "") else value for value in row] for row in rows]
    return as_html(head, kept) if kept else ""
