#include "box/access_log.h"

#include <fmt/format.h>

#include <iterator>

#include "base/log.h"

namespace wasabi::box {
namespace {

std::int64_t microseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
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
  fmt::format_to(std::back_inserter(out), ",\"status\":{}", record.status);
  appendWord(out, "outcome", toString(outcomeOf(record.reason)));
  if (record.reason != Reason::kNone) appendWord(out, "reason", toString(record.reason));
  fmt::format_to(std::back_inserter(out),
                 ",\"bytes_in\":{},\"bytes_out\":{},\"wall_us\":{},\"cpu_us\":{},\"wait_us\":{},\"peak_memory\":{},"
                 "\"cold\":{}}}\n",
                 record.bytes_in, record.bytes_out, microseconds(record.wall), microseconds(record.cpu),
                 microseconds(record.wait), record.peak_memory.value, record.cold);
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
