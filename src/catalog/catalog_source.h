// Reads a catalog directory and follows its changes:
//
//   <dir>/<tenant>/<function>.toml     manifests
//   modules where the manifests say, relative to the manifest, inside <dir>
//
// A manifest that cannot be read is a problem, and the function's last good version stays in force as long as the
// file exists. Changes show within a second (inotify, and a rescan where that fails or overflows).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/unique_function.h"
#include "catalog/catalog.h"
#include "catalog/manifest_reader.h"

namespace wasabi::catalog {

class CatalogSource {
 public:
  // Called on the source's own thread with every new snapshot, the first one included.
  using OnChange = std::function<void(CatalogPtr)>;

  // Reads once, then follows on a thread of its own until destroyed. An error only if `directory` cannot be read.
  static Result<std::unique_ptr<CatalogSource>> open(std::string directory, Logger& log, OnChange on_change,
                                                     const CatalogTerms& terms = {});
  ~CatalogSource();

  // Thread-safe.
  CatalogPtr current() const;

  // Thread-safe. Reads what has changed now, however fresh; `on_read` is called on the source's thread, after
  // `on_change` where there is a change, with the snapshot then in force or why the directory cannot be read. Not at
  // all once the source is being destroyed.
  using OnRead = UniqueFunction<void(Result<CatalogPtr>)>;
  void reload(OnRead on_read);

 private:
  struct Impl;
  explicit CatalogSource(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wasabi::catalog
