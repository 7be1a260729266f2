#include "oci/wasm_extract.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "oci/media_type.h"
#include "oci/tar_reader.h"
#include "oci/unpacked_stream.h"
#include "oci/wasm_artifact.h"

namespace wasabi::oci {
namespace {

constexpr std::uint64_t kMaxEntries = 100'000;
constexpr std::size_t kMagicBytes = 8;

Result<void> checkMagic(std::string_view first_bytes) {
  if (isWasm(first_bytes)) return {};
  return fail(ErrorCode::kInvalid, "what it calls a module does not begin as WebAssembly does");
}

// One pass over the layers; what is found is a blob already.
class Search {
 public:
  Search(const ImageLayout& layout, std::stop_token stop) : layout_(layout), stop_(std::move(stop)) {}

  Result<void> look(const Descriptor& layer) {
    auto blob = layout_.openBlob(layer);
    if (!blob) return fail(std::move(blob).error());
    auto stream = UnpackedStream::open(blob->get(), {}, stop_);
    if (!stream) return fail(std::move(stream).error());
    auto tar = TarReader::open(**stream);
    if (!tar) return fail(std::move(tar).error());
    while (true) {
      auto entry = (*tar)->next();
      if (!entry) return fail(std::move(entry).error());
      if (!*entry) return {};
      if (++entries_ > kMaxEntries) return fail(ErrorCode::kExhausted, fmt::format("more than {} files", kMaxEntries));
      if ((*entry)->kind != EntryKind::kFile || !(*entry)->path.ends_with(".wasm")) continue;
      if (found_) return fail(ErrorCode::kInvalid, "it holds several .wasm files; a function is one");
      if (auto taken = take(**tar, **entry); !taken) return taken;
    }
  }

  Result<Descriptor> found() {
    if (found_) return *std::move(found_);
    return fail(ErrorCode::kInvalid, "there is no .wasm file in it; to run a container's image deploy it as `image`");
  }

 private:
  Result<void> take(TarReader& tar, const TarEntry& entry) {
    if (entry.size > kMaxWasmBytes.value) {
      return fail(ErrorCode::kExhausted,
                  fmt::format("its module has {} bytes of at most {}", entry.size, toString(kMaxWasmBytes)));
    }
    auto file = layout_.beginBlob();
    if (!file) return fail(std::move(file).error());
    Sha256 hash;
    std::uint64_t size = 0;
    while (true) {
      auto piece = tar.content();
      if (!piece) return fail(std::move(piece).error());
      if (!*piece) break;
      if ((*piece)->offset != size) return fail(ErrorCode::kInvalid, "its module is stored with holes");
      if (size == 0) {
        if (auto checked = checkMagic((*piece)->bytes); !checked) return checked;
      }
      hash.update((*piece)->bytes);
      if (auto written = file->append((*piece)->bytes); !written) return written;
      size += (*piece)->bytes.size();
    }
    if (size == 0) return checkMagic({});
    const Digest digest{hash.finish()};
    found_ = Descriptor{std::string(kWasmLayer), digest, size, {}, {}};
    return layout_.endBlob(*std::move(file), digest);
  }

  const ImageLayout& layout_;
  std::stop_token stop_;
  std::uint64_t entries_ = 0;
  std::optional<Descriptor> found_;
};

Result<Descriptor> checkedBlob(const ImageLayout& layout, const Descriptor& layer) {
  auto blob = layout.openBlob(layer);
  if (!blob) return fail(std::move(blob).error());
  std::array<char, kMagicBytes> first{};
  const ssize_t got = pread(blob->get(), first.data(), first.size(), 0);
  if (got < 0) return fail(Error::fromErrno("read", errno));
  if (auto checked = checkMagic({first.data(), static_cast<std::size_t>(got)}); !checked) {
    return fail(std::move(checked).error());
  }
  return layer;
}

}  // namespace

Result<Descriptor> wasmBlob(const ImageLayout& layout, const Manifest& manifest, std::stop_token stop) {
  auto wasm = wasmLayers(manifest);
  if (!wasm) return fail(std::move(wasm).error());
  if (!wasm->packed) return checkedBlob(layout, wasm->layers.front());
  Search search(layout, std::move(stop));
  for (const Descriptor& layer : wasm->layers) {
    if (auto looked = search.look(layer); !looked) return fail(std::move(looked).error());
  }
  return search.found();
}

}  // namespace wasabi::oci
