"""From a page to submissions, with base's OpenMetrics V2."""

from etcd_latency.scrape.blocks import Cutter
from etcd_latency.scrape.kubernetes import SummingScraper
from etcd_latency.scrape.member import MemberScraper
from etcd_latency.scrape.scraper import PageScraper

__all__ = ["Cutter", "MemberScraper", "PageScraper", "SummingScraper"]
