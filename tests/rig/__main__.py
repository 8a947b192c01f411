"""``python -m tests.rig [kubernetes] up|down|status``: a rig by hand, left running."""

from __future__ import annotations

import json
import sys
import time

from tests.rig.daemons import RigError
from tests.rig.rig import Rig, claim, keep, kept


def describe(rig: Rig) -> dict[str, object]:
    return {
        name: {
            "host": site.spec.login_address,
            "ports": site.login.ports,
            "user": site.spec.user,
            "key": str(site.login.key),
            "host_key": site.login.host_key,
            "work": str(site.work),
            "daemons": site.status(),
        }
        for name, site in rig.sites.items()
    }


def main(words: list[str]) -> int:
    if words[:1] == ["kubernetes"]:
        # Needs more than the standard library, which is all that `up` may count on.
        from tests.rig.kubernetes.__main__ import main as kubernetes

        return kubernetes(words[1:])
    verb = words[0] if len(words) == 1 else ""
    rig = kept()
    began = time.monotonic()
    if verb == "up":
        if rig is None:
            rig = claim()
            rig.up()
            keep(rig)
            print(f"up in {time.monotonic() - began:.1f} s", file=sys.stderr)
        print(json.dumps(describe(rig), indent=1))
        for sentence in rig.lacks:
            print(f"missing: {sentence}", file=sys.stderr)
    elif verb == "down":
        if rig is not None:
            rig.down()
            print(f"down in {time.monotonic() - began:.1f} s", file=sys.stderr)
    elif verb == "status":
        print(json.dumps(describe(rig) if rig else {}, indent=1))
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except RigError as error:
        sys.exit(str(error))
