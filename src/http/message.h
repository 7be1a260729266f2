// The parts of HTTP messages, the same for HTTP/1.1 and HTTP/2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wasabi::http {

// Header or trailer fields in order, in one buffer. Names are kept in lower case, whatever was added. clear() keeps
// the memory, so that a connection parses request after request without allocating.
class Fields {
 public:
  struct Field {
    std::string_view name;
    std::string_view value;
  };

  // Views are valid until the next add() or clear().
  class Iterator;
  Iterator begin() const;
  Iterator end() const;

  void add(std::string_view name, std::string_view value);
  // Removes all fields of that name, then adds.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view lower_case_name);
  void clear();

  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  // Sum of the names' and values' sizes plus 32 for each field (the measure of RFC 9113 section 6.5.2).
  std::size_t weight() const { return text_.size() + 32 * entries_.size(); }
  Field at(std::size_t index) const;
  // The first value of that name.
  std::optional<std::string_view> find(std::string_view lower_case_name) const;

 private:
  struct Entry {
    std::uint32_t offset;
    std::uint32_t name_size;
    std::uint32_t value_size;
  };
  std::string text_;
  std::vector<Entry> entries_;
};

class Fields::Iterator {
 public:
  Iterator(const Fields* fields, std::size_t index) : fields_(fields), index_(index) {}
  Field operator*() const { return fields_->at(index_); }
  Iterator& operator++() {
    ++index_;
    return *this;
  }
  bool operator==(const Iterator&) const = default;

 private:
  const Fields* fields_;
  std::size_t index_;
};

inline Fields::Iterator Fields::begin() const {
  return {this, 0};
}
inline Fields::Iterator Fields::end() const {
  return {this, entries_.size()};
}

enum class Version : std::uint8_t { kHttp10, kHttp11, kHttp2 };

struct RequestHead {
  Version version = Version::kHttp11;
  std::string method;
  std::string target;     // path with query, as sent: "/a/b?c"; "*" for OPTIONS *
  std::string authority;  // Host or :authority; may be empty for HTTP/1.0
  std::string scheme = "http";
  // Without Host, pseudo-headers, Expect and what speaks about the connection only (isHopByHop, and the fields that
  // Connection names).
  Fields headers;
  // Declared length of the body where it is known: 0 when the message has none.
  std::optional<std::uint64_t> content_length;
  // What the client would rather speak on this stream (Upgrade as sent, or :protocol of an extended CONNECT): one name
  // or several with commas, like "websocket". Only where the handler takes upgrades and the request has no body.
  std::string upgrade;
  // The client sends the body only once it is told to (`Expect: 100-continue`), which reading it does.
  bool expects_continue = false;

  std::string_view path() const;   // target up to '?'
  std::string_view query() const;  // after '?', or empty
};

struct ResponseHead {
  std::uint16_t status = 200;
  Fields headers;
  std::string reason = {};  // as a client received it; HTTP/2 has none
};

// Registered reason phrase, or an empty text.
std::string_view reasonPhrase(std::uint16_t status);

// A field that speaks about one connection only and is never passed on (RFC 9110 section 7.6.1), apart from those
// the Connection header itself names.
bool isHopByHop(std::string_view lower_case_name);

// What Content-Length says; nothing without it, or where it is no number.
std::optional<std::uint64_t> contentLengthOf(const Fields& headers);

// RFC 9110 token and field value; what a field from a guest or a configuration file must be.
bool isToken(std::string_view text);
bool isFieldValue(std::string_view text);

}  // namespace wasabi::http
