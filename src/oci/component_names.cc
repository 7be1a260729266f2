#include "oci/component_names.h"

#include <cstdint>
#include <optional>

#include "base/utf8.h"
#include "oci/wasm_artifact.h"

namespace wasabi::oci {
namespace {

constexpr std::size_t kPreambleBytes = 8;
constexpr std::uint8_t kImportSection = 10;
constexpr std::uint8_t kExportSection = 11;

// Reads forward; after the first thing that is not there, everything fails.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool atEnd() const { return bytes_.empty(); }

  std::optional<std::uint8_t> byte() {
    if (bytes_.empty()) return std::nullopt;
    const auto value = static_cast<std::uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return value;
  }

  // LEB128 of at most 32 bits.
  std::optional<std::uint32_t> number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
      const auto next = byte();
      if (!next) return std::nullopt;
      value |= static_cast<std::uint64_t>(*next & 0x7f) << shift;
      if ((*next & 0x80) != 0) continue;
      if (value > UINT32_MAX) return std::nullopt;
      return static_cast<std::uint32_t>(value);
    }
    return std::nullopt;
  }

  std::optional<std::string_view> block() {
    const auto size = number();
    if (!size || *size > bytes_.size()) return std::nullopt;
    const std::string_view found = bytes_.substr(0, *size);
    bytes_.remove_prefix(*size);
    return found;
  }

 private:
  std::string_view bytes_;
};

// What an import or export is: only its length matters here.
bool skipDescription(Reader& reader) {
  const auto kind = reader.byte();
  if (!kind) return false;
  switch (*kind) {
    case 0x00:  // core module: a second byte of kind
      return reader.byte().has_value() && reader.number().has_value();
    case 0x01:  // function
    case 0x04:  // component
    case 0x05:  // instance
      return reader.number().has_value();
    case 0x02: {  // value: bound to an index, or of a type
      return reader.byte().has_value() && reader.number().has_value();
    }
    case 0x03: {  // type: equal to an index, or a resource
      const auto bound = reader.byte();
      return bound && (*bound == 0x01 || (*bound == 0x00 && reader.number().has_value()));
    }
    default:
      return false;
  }
}

// The sort and index of what is exported, and the description it may have.
bool skipExported(Reader& reader) {
  const auto sort = reader.byte();
  if (!sort || (*sort == 0x00 && !reader.byte())) return false;
  if (!reader.number()) return false;
  const auto described = reader.byte();
  return described && (*described == 0x00 || (*described == 0x01 && skipDescription(reader)));
}

// A name, with a suffix of its version where its kind says so.
std::optional<std::string> readName(Reader& reader) {
  const auto kind = reader.byte();
  if (!kind || *kind > 0x02) return std::nullopt;
  const auto name = reader.block();
  if (!name || !isUtf8(*name)) return std::nullopt;
  if (*kind == 0x02 && !reader.block()) return std::nullopt;
  return std::string(*name);
}

bool readNames(std::string_view section, bool (*skip)(Reader&), std::vector<std::string>& names) {
  Reader reader(section);
  const auto count = reader.number();
  if (!count) return false;
  for (std::uint32_t i = 0; i < *count; ++i) {
    auto name = readName(reader);
    if (!name || !skip(reader) || names.size() == kMaxComponentNames) return false;
    names.push_back(*std::move(name));
  }
  return reader.atEnd();
}

}  // namespace

Result<ComponentNames> componentNames(std::string_view component) {
  if (!isComponent(component)) return fail(ErrorCode::kInvalid, "not a WebAssembly component");
  Reader reader(component.substr(kPreambleBytes));
  ComponentNames names;
  while (!reader.atEnd()) {
    const auto id = reader.byte();
    const auto section = reader.block();
    if (!section) return fail(ErrorCode::kInvalid, "the component is cut in the middle of a section");
    const bool read = *id == kImportSection   ? readNames(*section, skipDescription, names.imports)
                      : *id == kExportSection ? readNames(*section, skipExported, names.exports)
                                              : true;
    if (!read) return fail(ErrorCode::kInvalid, "the component's imports or exports cannot be read");
  }
  return names;
}

}  // namespace wasabi::oci
