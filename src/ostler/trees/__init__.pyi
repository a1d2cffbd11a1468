from ostler.trees._results import Counts as Counts
from ostler.trees._results import Difference as Difference
from ostler.trees._results import Digest as Digest
from ostler.trees.operations import Trees as Trees

_host: Trees
chmod = _host.chmod
chown = _host.chown
compare = _host.compare
copy = _host.copy
count = _host.count
digest = _host.digest
find = _host.find
remove = _host.remove
size = _host.size
sizes = _host.sizes
walk = _host.walk
