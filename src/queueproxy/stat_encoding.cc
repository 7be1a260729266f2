#include "queueproxy/stat_encoding.h"

#include <cmath>

#include "base/utf8.h"
#include "queueproxy/protobuf_writer.h"

namespace wasabi::queueproxy {
namespace {

// With it the five figures and all tags come to 302 bytes at most.
constexpr std::size_t kMostNameBytes = 253;

double perSecond(double count) {
  return count / toSeconds(kReportingPeriod);
}

// proto3 refuses what is no UTF-8, and with it the whole message.
std::string_view validName(std::string_view name) {
  std::size_t size = 0;
  while (size < name.size()) {
    const std::size_t next = utf8SequenceLength(name.substr(size));
    if (next == 0 || size + next > kMostNameBytes) break;
    size += next;
  }
  return name.substr(0, size);
}

}  // namespace

Stat firstStat(std::string_view pod_name) {
  Stat stat;
  stat.pod_name = pod_name;
  return stat;
}

Stat statOf(std::string_view pod_name, const RequestPeriod& period, Duration uptime) {
  return superpodStatOf(pod_name, period.average_concurrency, period, uptime);
}

Stat superpodStatOf(std::string_view pod_name, double units, const RequestPeriod& period, Duration uptime) {
  return {std::string(pod_name),
          units,
          period.average_proxied_concurrency,
          perSecond(period.requests),
          perSecond(period.proxied_requests),
          toSeconds(uptime)};
}

std::string encodeStat(const Stat& stat) {
  ProtobufWriter out;
  out.text(1, validName(stat.pod_name));
  std::uint32_t field = 2;
  for (const double figure : {stat.average_concurrent_requests, stat.average_proxied_concurrent_requests,
                              stat.request_count, stat.proxied_request_count, stat.process_uptime}) {
    if (std::isfinite(figure) && figure > 0) out.number(field, figure);
    ++field;
  }
  return out.take();
}

}  // namespace wasabi::queueproxy
