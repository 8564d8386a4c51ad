"""What `make test` asks of one etcd, asked of each version of this tier."""

from tests.test_real_probes import *  # noqa: F403 - the tests are the names
