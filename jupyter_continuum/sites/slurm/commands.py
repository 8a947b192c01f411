"""Shell text sent to a Slurm site. Pure; every argument has passed a grammar before.

Long texts go to ``sh -s`` on standard input: no quoting for the account's own shell to
trip over, and nothing in the login node's process list.
"""

from __future__ import annotations

from collections.abc import Sequence

from jupyter_continuum.sites.slurm.text import JOB_FORMAT

SACCT_FORMAT = "JobIDRaw,JobName,State,ExitCode,ConsumedEnergyRaw,AllocTRES,Reason,End"
HOME = (
    'cd "$HOME" || cd /; command -v sbatch >/dev/null 2>&1 '
    "|| { [ -r /etc/profile ] && . /etc/profile >/dev/null 2>&1; }; "
)
"""Slurm's programs may be on the path of login shells only."""
NOT_WRITTEN = 73
REFUSED = 74
TRIED_BEFORE = 75


def submit(directory: str, *, again: bool = False) -> str:
    """One line: unpack the tar on stdin into a new ``directory``, submit its ``job.sh``.

    The directory is the mark of a try: ``mkdir`` succeeds once, also after we have
    forgotten everything, so whoever comes ``again`` has looked for the job before.
    """
    parent = directory.rpartition("/")[0]
    make = f"mkdir -p {directory}" if again else f"mkdir {directory}"
    return (
        f"{HOME}umask 077; mkdir -p {parent} && chmod 700 {parent} || exit {NOT_WRITTEN}; "
        f"{make} || {{ [ -d {directory} ] && exit {TRIED_BEFORE}; exit {NOT_WRITTEN}; }}; "
        f"tar -xo -f - -C {directory} || {{ rm -rf {directory}; exit {NOT_WRITTEN}; }}; "
        f"i=$(sbatch --parsable {directory}/job.sh) || exit {REFUSED}; i=${{i%%;*}}; "
        f'printf "%s\\n" "$i" > {directory}/id; printf "%s\\n" "$i"'
    )


def test_only() -> str:
    """Of the script on stdin: the site's time now, then when the job would begin."""
    return f"{HOME}export SLURM_TIME_FORMAT=%s; date +%s; sbatch --test-only 2>&1"


def find(name: str, directory: str) -> str:
    """Everything Slurm still knows of ``name``; status 1 when it does not answer.

    An answer of "nothing" is asked for twice: a controller that was frozen may take the
    late ``sbatch`` and this question at the same moment.
    """
    return f"""{HOME}
export SLURM_TIME_FORMAT=%s
look() {{ squeue --me -h -n {name} -o '{JOB_FORMAT}' 2>&1; }}
found=$(look) || {{ printf '%s' "$found" >&2; exit 1; }}
[ -n "$found" ] || {{ sleep 2; found=$(look) || {{ printf '%s' "$found" >&2; exit 1; }}; }}
case "$found" in
[0-9]*) printf '%s\\n' "${{found%%|*}}" > {directory}/id ;;
*)  scontrol -o show job 2>/dev/null | grep 'JobName={name} '
    sacct -nPX --name={name} -S now-14days -o {SACCT_FORMAT} 2>/dev/null ;;
esac
printf '%s\\n' "$found"
"""


def poll(jobs: str, nonce: str, *, books: str = "") -> str:
    """One look at the site, in parts that begin with ``nonce NAME STATUS``.

    ``books`` is the text of the part of that name, which not every look has.

    The nonce keeps the content of one part from passing for another. Without an answer
    to the first question the controller is not asked the others: each would wait as long.
    """
    keep = (
        "NodeName|CPUAlloc|CPUEfctv|CPUTot|RealMemory|State|Partitions|CfgTRES|AllocTRES|"
        "Gres|GresUsed"
    )
    narrow = (
        f'awk \'{{ s = ""; for (i = 1; i <= NF; i++) if ($i ~ /^({keep})=/) s = s " " $i; '
        "print s }'"
    )
    return f"""{HOME}
export SLURM_TIME_FORMAT=%s
part() {{ printf '\\n%s %s %s\\n' {nonce} "$1" "$2"; }}
place=$(date +%z; pwd -P); part place $?; printf '%s\\n' "$place"
jobs=$(squeue --me -h -o '{JOB_FORMAT}' 2>&1); status=$?; part jobs $status; printf '%s\\n' "$jobs"
if [ $status = 0 ]; then
  text=$(scontrol -d -o show node 2>&1); status=$?; part nodes $status
  if [ $status = 0 ]; then printf '%s\\n' "$text" | {narrow}; else printf '%s\\n' "$text"; fi
  text=$(scontrol -o show partition 2>&1); part partitions $?; printf '%s\\n' "$text"
  text=$(squeue -h -t PENDING -o %P 2>&1); status=$?; part pending $status
  if [ $status = 0 ]; then printf '%s\\n' "$text" | sort | uniq -c; else printf '%s\\n' "$text"; fi
{books}  part ended 0
  for file in {jobs}/jc-*/id; do
    [ -r "$file" ] && read -r id < "$file" || continue
    case "$id" in ''|*[!0-9]*) continue ;; esac
    case "
$jobs" in *"
$id|"*) continue ;; esac
    scontrol -o show job "$id" 2>/dev/null && continue
    row=$(sacct -nPX -j "$id" -o {SACCT_FORMAT} 2>/dev/null)
    if [ -n "$row" ]; then printf '%s\\n' "$row"; else printf 'GONE %s %s\\n' "$id" "$file"; fi
  done
fi
{_agents(jobs)}
"""


def books(command: str = "") -> str:
    """The part of a look that asks what is left of allocations.

    Of a big site scontrol tells all accounts: awk keeps the person's own and those above them.
    ``command`` is the site's own, for one whose books Slurm does not keep.
    """
    if command:
        return f'  text=$({{ {command}; }} 2>&1); part books $?; printf "%s\\n" "$text"\n'
    narrow = """awk '
    { a = u = p = ""; row = ""
      for (i = 1; i <= NF; i++) {
        if ($i ~ /^Account=/) a = substr($i, 9); if ($i ~ /^UserName=/) u = substr($i, 10)
        if ($i ~ /^ParentAccount=/) { p = substr($i, 15); sub(/\\(.*/, "", p) }
        if ($i ~ /^(Account|UserName|ParentAccount|Partition|GrpTRESMins)=/) row = row " " $i }
      if (a == "") next
      if (u != "") { own[a]; print row } else { above[a] = p; line[a] = row } }
    END { for (a in own) for (n = 0; n < 32 && a != "" && !(a in told); n++) {
        told[a]; if (a in line) print line[a]; a = above[a] } }'"""
    return f"""  me=$(id -un)
  text=$(scontrol -o show assoc_mgr users="$me" flags=assoc 2>&1); status=$?
  case "$status $text" in
  "0 "*" UserName=$me("*) text=$(printf '%s\\n' "$text" | {narrow}) ;;
  *) text=$(sshare -nP -u "$me" -o Account,User,GrpTRESMins%-1000,GrpTRESRaw%-1000 2>&1)
     status=$? ;;
  esac
  part books $status; printf '%s\\n' "$text"
"""


def agents(jobs: str, nonce: str) -> str:
    """Only where the gateways listen; Slurm is not asked."""
    return f"""{HOME}
part() {{ printf '\\n%s %s %s\\n' {nonce} "$1" "$2"; }}
place=$(date +%z; pwd -P); part place $?; printf '%s\\n' "$place"
{_agents(jobs)}
"""


def _agents(jobs: str) -> str:
    """``grep -H`` prints ``path:line``; neither path can hold a colon."""
    return (
        f"part agents 0; [ ! -d {jobs} ] || find {jobs} -mindepth 2 -maxdepth 2 -type f "
        "-name 'agent-*.json' -size -33 -exec grep -H . {} + 2>/dev/null"
    )


def cancel(names: Sequence[str]) -> str:
    return f"""{HOME}
ids=$(squeue --me -h -n {",".join(names)} -o %A 2>&1) || {{ printf '%s' "$ids" >&2; exit 1; }}
ids=$(printf '%s\\n' "$ids" | grep -x '[0-9]*')
[ -z "$ids" ] || scancel $ids
"""


def associations() -> str:
    fields = "Account,QOS,DefaultQOS,Partition"
    return f'{HOME}sacctmgr -nP show assoc where user="$(id -un)" format={fields}'


def probe(directory: str) -> str:
    """Write a megabyte where jobs will write, and take it away again."""
    file = f"{directory}/.probe-$$"
    return (
        f"{HOME}umask 077; mkdir -p {directory} || exit 1; "
        f"dd if=/dev/zero of={file} bs=65536 count=16; status=$?; rm -f {file}; exit $status"
    )


def read_parts(text: str, nonce: str) -> dict[str, tuple[int, str]]:
    """Status and content by part."""
    parts = {}
    for chunk in text.split(f"\n{nonce} ")[1:]:
        head, _, body = chunk.partition("\n")
        name, _, status = head.partition(" ")
        parts[name] = (int(status) if status.isdecimal() else 255, body)
    return parts
