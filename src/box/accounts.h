// The numbers by which the policy knows functions and tenants (policy/ids.h).
//
// All versions of a function share one account, held by whoever serves it: the function table, and every invocation to
// its end. When the last holder goes, its number is free for another function. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/function_name.h"
#include "policy/ids.h"

namespace wasabi::box {

class Accounts {
 public:
  class Account {
   public:
    // `accounts` outlives it.
    Account(Accounts& accounts, const FunctionName& name);
    ~Account();
    Account(const Account&) = delete;
    Account& operator=(const Account&) = delete;

    policy::FunctionId function() const { return function_; }
    policy::TenantId tenant() const { return tenant_; }

   private:
    Accounts& accounts_;
    const std::string tenant_name_;
    policy::FunctionId function_;
    policy::TenantId tenant_;
  };

  // Of those that are held now.
  std::unordered_map<std::uint32_t, std::string> tenantNames();

 private:
  // From zero up, those given back first.
  class Numbers {
   public:
    std::uint32_t take();
    void giveBack(std::uint32_t number) { free_.push_back(number); }

   private:
    std::uint32_t next_ = 0;
    std::vector<std::uint32_t> free_;
  };
  struct Tenant {
    std::uint32_t number = 0;
    std::size_t functions = 0;
  };

  std::mutex mutex_;
  Numbers function_numbers_;
  Numbers tenant_numbers_;
  std::unordered_map<std::string, Tenant> tenants_;
};

}  // namespace wasabi::box
