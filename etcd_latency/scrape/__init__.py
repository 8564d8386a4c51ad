"""From a page to submissions, with base's OpenMetrics V2.

blocks      where the families of a page are; of a large one, those that are wanted
lines       a family's lines as two columns, read by comparing with the last page (`ends`: what changed)
known       the same for large families, most of which stands still
steady      the same for a whole page that comes again
replay      what base would submit of a series, learnt once, with each page's value
totals      many series of a counter as one, over restarts; `sums`: so are families of a catalogue
families    a family of a page: replayed, left to base, or wanted by nobody
scraper     joins these to base's scraper, which reads what is not written as usual (`rest`)
member, kubernetes
            what is special about the pages of each
"""

from etcd_latency.scrape.blocks import Cutter
from etcd_latency.scrape.kubernetes import SummingScraper
from etcd_latency.scrape.member import MemberScraper
from etcd_latency.scrape.scraper import PageScraper

__all__ = ["Cutter", "MemberScraper", "PageScraper", "SummingScraper"]
