"""What a Prometheus scrapes: the toolbox's own counters, calls in flight, memory and open files of the process."""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from firsthand.tools.toolbox import BOUNDS, Counters


class ToolCollector(Collector):
    def __init__(self, counters: Counters, in_flight: int):
        self.counters, self.in_flight = counters, in_flight

    def collect(self) -> Iterator[Metric]:
        calls = CounterMetricFamily("firsthand_tool_calls", "Tool calls by how they ended", labels=["tool", "outcome"])
        for (tool, status), count in sorted(self.counters.calls.items()):
            calls.add_metric([tool, status], count)
        yield calls

        events = CounterMetricFamily("firsthand_tool_events", "Retries, replays, leaks …", labels=["tool", "event"])
        for (tool, event), count in sorted(self.counters.events.items()):
            events.add_metric([tool, event], count)
        yield events

        cost = CounterMetricFamily("firsthand_tool_cost_dollars", "What backends charged", labels=["tool"])
        for tool, dollars in sorted(self.counters.cost.items()):
            cost.add_metric([tool], dollars)
        yield cost

        seconds = HistogramMetricFamily("firsthand_tool_call_seconds", "Latency of tool calls", labels=["tool"])
        for tool, histogram in sorted(self.counters.seconds.items()):
            bounds = [*map(str, BOUNDS), "+Inf"]
            seconds.add_metric([tool], list(zip(bounds, accumulate(histogram.buckets), strict=True)), histogram.total)
        yield seconds

        yield GaugeMetricFamily("firsthand_tool_calls_in_flight", "Calls being answered", value=self.in_flight)


def scrape(counters: Counters, in_flight: int) -> bytes:
    registry = CollectorRegistry()
    registry.register(ToolCollector(counters, in_flight))
    ProcessCollector(registry=registry)
    return generate_latest(registry)
