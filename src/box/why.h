// What a request of a function would meet now, and why: what the policy says (AdmissionDesk::explain), with names, for
// people and for programs. Decides nothing.
#pragma once

#include <string>
#include <vector>

#include "base/units.h"
#include "box/admission_desk.h"
#include "catalog/function_spec.h"

namespace wasabi::box {

struct Why {
  catalog::FunctionPtr function;
  Duration patience{};  // of the request
  bool program_loaded = false;
  AdmissionDesk::Explained explained;
  std::string blocked_head;  // the function's name; only where there is one
  struct Tenant {
    std::string name;
    std::uint32_t running = 0;
    ByteSize limits;  // of those that run
    std::size_t waiting = 0;
  };
  std::vector<Tenant> tenants;  // those of which anything runs or waits, who holds most first
};

// In plain words.
struct WhyWords {
  std::string answer;                // what would become of it
  std::vector<std::string> because;  // how things stand
  std::vector<std::string> to_run;   // what would have to change; nothing for one that runs
};
WhyWords wordsOf(const Why& why);

// All of it, the words included.
std::string whyJson(const Why& why);

}  // namespace wasabi::box
