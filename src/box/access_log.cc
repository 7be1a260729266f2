#include "box/access_log.h"

#include "base/log.h"
#include "base/text.h"

namespace wasabi::box {
namespace {

std::int64_t microseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

template <typename Integer>
void appendNumber(std::string& out, std::string_view key, Integer number) {
  out += ",\"";
  out += key;
  out += "\":";
  appendDecimal(out, number);
}

void appendText(std::string& out, std::string_view key, std::string_view value) {
  out += ",\"";
  out += key;
  out += "\":";
  appendJsonString(out, value);
}

// Words of our own (labels, hex digits) need no escaping.
void appendWord(std::string& out, std::string_view key, std::string_view value) {
  out += ",\"";
  out += key;
  out += "\":\"";
  out += value;
  out += '"';
}

void appendFunction(std::string& out, const catalog::FunctionSpec& function) {
  appendWord(out, "tenant", function.name.tenant);
  appendWord(out, "function", function.name.function);
  appendWord(out, "version", function.version);
}

}  // namespace

void appendAccessLine(std::string& out, const RequestRecord& record, std::int64_t unix_milliseconds) {
  out += "{\"time\":\"";
  appendTimestamp(out, unix_milliseconds);
  out += '"';
  appendWord(out, "request", record.request_id);
  if (record.function) appendFunction(out, *record.function);
  appendText(out, "method", record.method);
  appendText(out, "path", record.path);
  appendNumber(out, "status", record.status);
  appendWord(out, "outcome", toString(outcomeOf(record.reason)));
  if (record.reason != Reason::kNone) appendWord(out, "reason", toString(record.reason));
  appendNumber(out, "bytes_in", record.bytes_in);
  appendNumber(out, "bytes_out", record.bytes_out);
  appendNumber(out, "wall_us", microseconds(record.wall));
  appendNumber(out, "cpu_us", microseconds(record.cpu));
  appendNumber(out, "wait_us", microseconds(record.wait));
  const Reason waited_for = record.began_anew ? Reason::kEvicted : record.waited_for;
  if (waited_for != Reason::kNone) appendWord(out, "waited_for", toString(waited_for));
  if (record.in_the_way != Reason::kNone) appendWord(out, "in_the_way", toString(record.in_the_way));
  appendNumber(out, "peak_memory", record.peak_memory.value);
  out += record.cold ? ",\"cold\":true}\n" : ",\"cold\":false}\n";
}

void appendFunctionLine(std::string& out, const catalog::FunctionSpec& function, std::string_view request_id,
                        LogStream stream, std::string_view line, std::int64_t unix_milliseconds) {
  out += "{\"time\":\"";
  appendTimestamp(out, unix_milliseconds);
  out += '"';
  appendFunction(out, function);
  appendWord(out, "request", request_id);
  appendWord(out, "stream", stream == LogStream::kStderr ? "stderr" : "runtime");
  appendText(out, "line", line);
  out += "}\n";
}

}  // namespace wasabi::box
