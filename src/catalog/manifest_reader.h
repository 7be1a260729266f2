// Makes a function out of a manifest file and what it refers to, all of it inside the catalog directory.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "catalog/catalog.h"
#include "catalog/file_stamp.h"
#include "catalog/function_spec.h"

namespace wasabi::catalog {

inline constexpr ByteSize kMaxModuleBytes{128ull << 20};

// A file or folder that a function was made from, besides its manifest. A stamp of zeros: it was not there.
struct Dependency {
  std::string path;  // relative to the catalog directory
  FileStamp stamp;
};

// The stamp of what `path` (relative to the open folder) leads to; of zeros if it leads to nothing.
FileStamp stampBeneath(int directory_fd, const std::string& path);

struct ReadFunction {
  FunctionPtr function;  // null if there are problems, or if something is being written right now
  std::vector<CatalogProblem> problems;
  std::vector<Dependency> dependencies;
  bool unsettled = false;  // a dependency is being written: read again soon
  bool retry = false;      // the system refused for want of something (descriptors, memory): read again later
};

// What manifests of a catalog may be, and what is put into those that leave it out.
struct CatalogTerms {
  FunctionLimits defaults;
  // Whether each is of one version, "<function>@<n>.toml": the catalog of a superpod, where others do the routing.
  NameForm names = NameForm::kPlain;
  // Where values of secrets lie, as <tenant>/<NAME>; empty: manifests cannot ask for any.
  std::string secrets_directory;
  enum class Reader : std::uint8_t {
    kBox,      // runs the functions: has all that they need, or it is a problem
    kBuilder,  // makes them ready for boxes elsewhere: modules may lie in registries, secrets are none of its business
  };
  Reader reader = Reader::kBox;
};

// What a Reader::kBuilder is given in place of a plain FunctionSpec. Its `version` is a digest over the manifest's text
// and the module.
struct BuilderSpec : FunctionSpec {
  std::string manifest_text;
  std::string module_reference;  // "oci://...", from where the module has to be fetched: `module` is not known yet
};
// Of a function that such a reader has read.
inline const BuilderSpec& builderSpec(const FunctionPtr& function) {
  return static_cast<const BuilderSpec&>(*function);
}

// Not thread-safe.
class ManifestReader {
 public:
  // Whether a file with this stamp has been left alone long enough to be read.
  using Settled = std::function<bool(const FileStamp&)>;

  // `directory` is absolute.
  ManifestReader(std::string directory, CatalogTerms terms)
      : directory_(std::move(directory)), terms_(std::move(terms)) {}

  ReadFunction read(int directory_fd, const FunctionName& name, const Settled& settled);

  // Forgets the digests of modules that were not asked for since the last call.
  void forgetUnusedDigests();
  void keepDigest(const std::string& module_path);

 private:
  struct KnownDigest {
    FileStamp stamp;
    ModuleDigest digest;
    bool used = true;
  };
  struct Reading;

  Result<ModuleDigest> digestOf(int directory_fd, const std::string& path);
  void takeRemote(Reading& reading, const std::string& reference, BuilderSpec& spec);
  void resolveModule(Reading& reading, const std::string& path, FunctionSpec& spec);
  void resolveFiles(Reading& reading, const std::string& path, FunctionSpec& spec);
  void resolveSecrets(Reading& reading, FunctionSpec& spec);

  std::string directory_;
  CatalogTerms terms_;
  std::unordered_map<std::string, KnownDigest> digests_;
};

}  // namespace wasabi::catalog
