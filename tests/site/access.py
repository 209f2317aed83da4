"""access: the access lists of deploy/redis/, as an operator fills them in."""

import functools
import subprocess
from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[2] / "deploy/redis"   # what operators get is what is tested


def write_acl(site, name, to):
    """Copy one of them with the passwords of a site."""
    text = (DEPLOY / name).read_text()
    for mark, password in (("MIRRORBITS", site.redis_password), ("LOCUM", site.locum_password),
                           ("ADMIN", site.admin_password), ("REPLICA", site.replica_password),
                           ("SENTINEL", site.sentinel_password)):
        text = text.replace(f"#{mark}-PASSWORD", ">" + password)
    to.write_text(text)


@functools.cache
def redis_acl():
    """The access list for this version of Redis."""
    version = subprocess.run(["redis-server", "--version"], check=True, capture_output=True,
                             text=True).stdout
    return "locum-6.2.acl" if " v=6." in version else "locum.acl"
