// One JSON object on a line of a log, written straight into the line's buffer.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/text.h"
#include "base/units.h"

namespace wasabi {

// Begins with the time; end() closes the object and the line. Keys are ours and need no escaping.
class JsonLine {
 public:
  JsonLine(std::string& out, std::int64_t unix_milliseconds) : out_(out) {
    out_ += "{\"time\":\"";
    appendTimestamp(out_, unix_milliseconds);
    out_ += '"';
  }

  void text(std::string_view key, std::string_view value) {
    begin(key);
    appendJsonString(out_, value);
  }
  // For words of our own (labels, hex digits), which need no escaping either.
  void word(std::string_view key, std::string_view value) {
    begin(key);
    out_ += '"';
    out_ += value;
    out_ += '"';
  }
  void number(std::string_view key, std::integral auto value) {
    begin(key);
    appendDecimal(out_, value);
  }
  void microseconds(std::string_view key, Duration value) {
    number(key, std::chrono::duration_cast<std::chrono::microseconds>(value).count());
  }
  void flag(std::string_view key, bool value) {
    begin(key);
    out_ += value ? "true" : "false";
  }
  void end() { out_ += "}\n"; }

 private:
  void begin(std::string_view key) {
    out_ += ",\"";
    out_ += key;
    out_ += "\":";
  }

  std::string& out_;
};

}  // namespace wasabi
