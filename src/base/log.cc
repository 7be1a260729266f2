#include "base/log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <iterator>

#include "base/utf8.h"

namespace wasabi {
namespace {

std::string_view toString(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

void appendValue(std::string& out, const LogValue& value) {
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    appendJsonString(out, *text);
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    fmt::format_to(std::back_inserter(out), "{}", *integer);
  } else {
    fmt::format_to(std::back_inserter(out), "{:.6g}", std::get<double>(value));
  }
}

// Access lines are written for every request, so their times are not left to a general formatter.
void appendPadded(std::string& out, unsigned number, std::size_t width) {
  std::array<char, 10> digits{};
  for (std::size_t i = width; i > 0; --i, number /= 10) digits[i - 1] = static_cast<char>('0' + number % 10);
  out.append(digits.data(), width);
}

}  // namespace

Logger::Sink Logger::standardError() {
  return [](std::string_view line) {
    while (!line.empty()) {
      const ssize_t n = ::write(STDERR_FILENO, line.data(), line.size());
      if (n <= 0) return;  // nobody is left to tell
      line.remove_prefix(static_cast<std::size_t>(n));
    }
  };
}

void Logger::write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (level < least_) return;
  std::string line = "{\"time\":\"";
  appendTimestamp(line, unixMilliseconds());
  line += "\",\"level\":\"";
  line += toString(level);
  line += "\",\"event\":";
  appendJsonString(line, event);
  for (const LogField& field : fields) {
    line += ',';
    appendJsonString(line, field.name);
    line += ':';
    appendValue(line, field.value);
  }
  line += "}\n";
  const std::lock_guard lock(mutex_);
  sink_(line);
}

void appendJsonString(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text.front());
    if (c >= 0x80) {
      const std::size_t length = utf8SequenceLength(text);
      if (length == 0) {
        out += "\\ufffd";
        text.remove_prefix(1);
      } else {
        out += text.substr(0, length);
        text.remove_prefix(length);
      }
      continue;
    }
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c < 0x20 || c == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
    } else {
      out += static_cast<char>(c);
    }
    text.remove_prefix(1);
  }
  out += '"';
}

void appendTimestamp(std::string& out, std::int64_t unix_milliseconds) {
  using std::chrono::days;
  using std::chrono::floor;
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(unix_milliseconds)};
  const auto day = floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  appendPadded(out, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  out += '-';
  appendPadded(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  appendPadded(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  appendPadded(out, static_cast<unsigned>(clock.hours().count()), 2);
  out += ':';
  appendPadded(out, static_cast<unsigned>(clock.minutes().count()), 2);
  out += ':';
  appendPadded(out, static_cast<unsigned>(clock.seconds().count()), 2);
  out += '.';
  appendPadded(out, static_cast<unsigned>(clock.subseconds().count()), 3);
  out += 'Z';
}

std::int64_t unixMilliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace wasabi
