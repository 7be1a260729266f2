#include "box/access_log.h"

#include "base/json_line.h"

namespace wasabi::box {
namespace {

void appendFunction(JsonLine& line, const catalog::FunctionSpec& function) {
  line.word("tenant", function.name.tenant);
  line.word("function", function.name.function);
  line.word("version", function.version);
}

}  // namespace

void appendAccessLine(std::string& out, const RequestRecord& record, std::int64_t unix_milliseconds) {
  JsonLine line(out, unix_milliseconds);
  line.word("request", record.request_id);
  if (record.function) appendFunction(line, *record.function);
  line.text("method", record.method);
  line.text("path", record.path);
  line.number("status", record.status);
  line.word("outcome", toString(outcomeOf(record.reason)));
  if (record.reason != Reason::kNone) line.word("reason", toString(record.reason));
  line.number("bytes_in", record.bytes_in);
  line.number("bytes_out", record.bytes_out);
  line.microseconds("wall_us", record.wall);
  line.microseconds("cpu_us", record.cpu);
  line.microseconds("wait_us", record.wait);
  const Reason waited_for = record.began_anew ? Reason::kEvicted : record.waited_for;
  if (waited_for != Reason::kNone) line.word("waited_for", toString(waited_for));
  if (record.in_the_way != Reason::kNone) line.word("in_the_way", toString(record.in_the_way));
  line.number("peak_memory", record.peak_memory.value);
  line.flag("cold", record.cold);
  line.end();
}

void appendFunctionLine(std::string& out, const catalog::FunctionSpec& function, std::string_view request_id,
                        LogStream stream, std::string_view text, std::int64_t unix_milliseconds) {
  JsonLine line(out, unix_milliseconds);
  appendFunction(line, function);
  line.word("request", request_id);
  line.word("stream", stream == LogStream::kStderr ? "stderr" : "runtime");
  line.text("line", text);
  line.end();
}

}  // namespace wasabi::box
