"""From a page to submissions, with base's OpenMetrics V2."""

from etcd_latency.scrape.scraper import PageScraper

__all__ = ["PageScraper"]
