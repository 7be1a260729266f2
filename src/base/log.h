// The log of the program itself (not of requests, not of functions): one JSON object per line.
//
//   logger.warn("manifest refused", {{"file", path}, {"reason", error.message()}});
//
// Thread-safe. Writing may block on the sink, so nothing on the request path logs; requests have the access log.
// Never give it a secret: there is no filter behind it.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>

namespace wasabi {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };

// A value of a log field. Views are read before the call returns.
using LogValue = std::variant<std::string_view, std::int64_t, double>;

struct LogField {
  LogField(std::string_view field_name, std::string_view text) : name(field_name), value(text) {}
  LogField(std::string_view field_name, const std::string& text) : name(field_name), value(std::string_view(text)) {}
  LogField(std::string_view field_name, const char* text) : name(field_name), value(std::string_view(text)) {}
  LogField(std::string_view field_name, std::integral auto number)
      : name(field_name), value(static_cast<std::int64_t>(number)) {}
  LogField(std::string_view field_name, double number) : name(field_name), value(number) {}

  std::string_view name;
  LogValue value;
};

class Logger {
 public:
  // `sink` gets whole lines including the newline, one at a time.
  using Sink = std::function<void(std::string_view line)>;

  explicit Logger(Sink sink, LogLevel least = LogLevel::kInfo) : sink_(std::move(sink)), least_(least) {}
  // Writes to standard error.
  static Sink standardError();

  void debug(std::string_view event, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kDebug, event, fields);
  }
  void info(std::string_view event, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kInfo, event, fields);
  }
  void warn(std::string_view event, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kWarn, event, fields);
  }
  void error(std::string_view event, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kError, event, fields);
  }

 private:
  void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields);

  std::mutex mutex_;
  Sink sink_;
  LogLevel least_;
};

// Appends `text` to `out` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
void appendJsonString(std::string& out, std::string_view text);

// Appends the wall-clock time as "2026-01-02T03:04:05.678Z".
void appendTimestamp(std::string& out, std::int64_t unix_milliseconds);
std::int64_t unixMilliseconds();

}  // namespace wasabi
