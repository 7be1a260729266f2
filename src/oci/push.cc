#include "oci/push.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "oci/component_names.h"
#include "oci/media_type.h"
#include "oci/wasm_artifact.h"

namespace wasabi::oci {
namespace {

// A file's bytes, mapped.
class MappedFile {
 public:
  static Result<MappedFile> map(int fd, std::size_t size) {
    void* at = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED) return fail(Error::fromErrno("mapping the module", errno));
    return MappedFile(at, size);
  }
  MappedFile(MappedFile&& other) noexcept : at_(std::exchange(other.at_, nullptr)), size_(other.size_) {}
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile() {
    if (at_ != nullptr) munmap(at_, size_);
  }
  std::string_view bytes() const { return {static_cast<const char*>(at_), size_}; }

 private:
  MappedFile(void* at, std::size_t size) : at_(at), size_(size) {}
  void* at_;
  std::size_t size_;
};

Result<WasmArtifactInput> inspect(int wasm_fd, const PushOptions& options) {
  struct stat status{};
  if (fstat(wasm_fd, &status) != 0) return fail(Error::fromErrno("the module", errno));
  if (!S_ISREG(status.st_mode) || status.st_size == 0)
    return fail(ErrorCode::kInvalid, "not a regular file with a module in it");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > kMaxWasmBytes.value) {
    return fail(ErrorCode::kExhausted,
                fmt::format("it has {} bytes; a module may have {}", size, toString(kMaxWasmBytes)));
  }
  auto file = MappedFile::map(wasm_fd, static_cast<std::size_t>(size));
  if (!file) return fail(std::move(file).error());
  if (!isWasm(file->bytes())) return fail(ErrorCode::kInvalid, "it does not begin as WebAssembly does");
  WasmArtifactInput input{digestOf(file->bytes()), size, isComponent(file->bytes()), {}, {}, options.title,
                          options.annotations};
  if (!input.component) return input;
  auto names = componentNames(file->bytes());
  if (!names) return fail(std::move(names).error());
  input.imports = std::move(names->imports);
  input.exports = std::move(names->exports);
  return input;
}

}  // namespace

Result<PushedWasm> pushWasm(RegistryClient& client, const Reference& reference, int wasm_fd, const PushOptions& options,
                            const TransferControl& control) {
  auto input = inspect(wasm_fd, options);
  if (!input) return fail(std::move(input).error());
  const WasmArtifact artifact = makeWasmArtifact(*input);
  const std::string& repository = reference.repository;
  auto pushed = client.pushFile(repository, artifact.layer, wasm_fd, options.mount_from, control);
  if (pushed) pushed = client.pushText(repository, artifact.config_descriptor, artifact.config, {control.stop, {}});
  if (pushed) pushed = client.pushDocument(reference, artifact.manifest, kOciManifest, control);
  if (!pushed) return fail(std::move(pushed).error());
  return PushedWasm{artifact.manifest_digest, input->digest};
}

}  // namespace wasabi::oci
