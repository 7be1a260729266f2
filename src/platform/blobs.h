// What versions are made of: content-addressed files and folders of the data directory, never changed once they have
// their name.
//
//   modules/<digest>.wasm    modules as uploaded
//   files/<digest>/          read-only files of functions, unpacked
//   layers/                  an OCI image layout: manifests, configurations and layers, as they came
//   images/<digest>.json     what makes up an image: an object whose "layers" lists its blobs there ("sha256:...") and
//                            whose "root" names its root
//   roots/<digest>*/         root file systems of images, unpacked; made again from the layers where they are missing
//   store/                   compiled modules (catalog/module_store.h); the builder's
//   incoming/                what is not complete; emptied at start
//
// Thread-safe. Calls block on the disk.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/units.h"
#include "catalog/digest.h"
#include "platform/version.h"

namespace wasabi::platform {

enum class BlobKind : std::uint8_t { kModule, kFiles, kLayer, kImage, kRoot };

struct StoredBlob {
  Digest digest;
  std::int64_t modified_ms = 0;
};

// A module on its way in. Gone unless it was finished. For one thread at a time.
class ModuleUpload {
 public:
  ModuleUpload(const ModuleUpload&) = delete;
  ModuleUpload& operator=(const ModuleUpload&) = delete;
  ModuleUpload(ModuleUpload&& other) noexcept;
  ModuleUpload& operator=(ModuleUpload&&) = delete;
  ~ModuleUpload();

  // kExhausted: more bytes than a module may have.
  Result<void> write(std::string_view bytes);
  struct Module {
    Digest digest;
    std::uint64_t bytes = 0;
  };
  // It has its name, and is on disk. kInvalid: it is empty.
  Result<Module> finish();

 private:
  friend class Blobs;
  struct Impl;
  explicit ModuleUpload(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class Blobs {
 public:
  // `directory` is a data directory.
  static Result<std::unique_ptr<Blobs>> open(std::string directory);

  Result<ModuleUpload> uploadModule(ByteSize limit) const;
  // A new folder of one's own under incoming/, absolute, to unpack into; its owner renames it by adoptFolder or removes
  // it.
  Result<std::string> makeIncomingFolder() const;
  // The folder becomes files/<digest>, with all it holds on disk; if there is such a one already, that stays and the
  // new one is removed.
  Result<void> adoptFolder(BlobKind kind, const std::string& incoming, const Digest& digest) const;
  Result<void> putImage(const Digest& digest, std::string_view json) const;
  Result<std::string> readImage(const Digest& digest) const;

  std::string pathOf(BlobKind kind, const Digest& digest) const;  // absolute
  std::string storePath() const { return directory_ + "/store"; }
  std::string layersPath() const { return directory_ + "/layers"; }
  std::string rootsPath() const { return directory_ + "/roots"; }
  bool has(BlobKind kind, const Digest& digest) const;
  std::vector<StoredBlob> list(BlobKind kind) const;
  std::vector<StoredBlob> listCompiled() const;  // by their modules, of any engine; the youngest of each
  struct ImageParts {
    std::vector<Digest> layers;
    std::optional<Digest> root;
  };
  Result<ImageParts> partsOfImage(const Digest& digest) const;

  // Gone at once under its name. Who has it open or linked elsewhere keeps it.
  Result<void> remove(BlobKind kind, const Digest& digest) const;
  Result<void> removeCompiled(const Digest& module) const;  // of every engine

  // A digest over names, kinds, modes and contents: equal for equal trees, whenever and wherever they were made.
  // Refuses what no function may have among its files (catalog/plain_files.h).
  struct Folder {
    Digest digest;
    std::uint64_t bytes = 0;  // of its files
  };
  static Result<Folder> digestOfFolder(const std::string& path);

 private:
  explicit Blobs(std::string directory) : directory_(std::move(directory)) {}
  std::string directory_;
};

}  // namespace wasabi::platform
