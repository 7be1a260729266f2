// Reads TOML tables whose keys are known, and says of everything else where it stands and what would be right.
// Private to the .cc files that read a format: it brings the TOML library.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "catalog/text_problem.h"
#include "catalog/toml_library.h"
#include "catalog/value_range.h"

namespace wasabi::catalog {

class Problems {
 public:
  explicit Problems(std::vector<TextProblem>& list) : list_(list) {}

  void add(const toml::source_region& where, std::string reason) {
    add(static_cast<int>(where.begin.line), std::move(reason));
  }
  void add(int line, std::string reason) {
    if (list_.size() < kMaxTextProblems) list_.push_back({line, std::move(reason)});
  }

 private:
  std::vector<TextProblem>& list_;
};

// The text as TOML, or nothing and why. `what` names it: "the manifest".
std::optional<toml::table> parseToml(std::string_view text, std::string_view what, std::size_t max_bytes,
                                     Problems& problems);

// "a table", "a number" ...
std::string_view typeName(const toml::node& node);

// A table whose keys are known: each is taken once, and finish() reports those that nobody took. `use` is called only
// for a value of the right type within its range. Keys given to it outlive it.
class KnownTable {
 public:
  KnownTable(const toml::table& table, std::string prefix, Problems& problems)
      : table_(table), prefix_(std::move(prefix)), problems_(problems) {}

  using UseText = std::function<void(const toml::node&, std::string_view)>;
  void string(std::string_view key, const UseText& use);
  void strings(std::string_view key, std::size_t limit, const UseText& use);

  // Strings with a unit.
  void size(std::string_view key, Range<ByteSize> range, const std::function<void(ByteSize)>& use);
  void duration(std::string_view key, Range<Duration> range, const std::function<void(Duration)>& use);
  void cores(std::string_view key, Range<Cores> range, const std::function<void(Cores)>& use);

  void count(std::string_view key, Range<std::int64_t> range, const std::function<void(std::int64_t)>& use);
  void number(std::string_view key, Range<double> range, const std::function<void(double)>& use);
  void flag(std::string_view key, const std::function<void(bool)>& use);

  using UseTable = std::function<void(const toml::table&)>;
  void table(std::string_view key, const UseTable& use);
  void tables(std::string_view key, std::size_t limit, const UseTable& use);

  void finish();

 private:
  const toml::node* take(std::string_view key);
  const toml::array* takeArray(std::string_view key, std::string_view wanted, std::size_t limit);
  void asString(const toml::node& node, const std::string& name, const UseText& use);
  template <typename T>
  void measure(std::string_view key, std::string_view form, Range<T> range, Result<T> (*parse)(std::string_view),
               const std::function<void(T)>& use);

  const toml::table& table_;
  std::string prefix_;
  Problems& problems_;
  std::vector<std::string_view> known_;
};

}  // namespace wasabi::catalog
