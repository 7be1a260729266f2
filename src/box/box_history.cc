// What was seen of functions, from one box to the next; see history_keeper.h. On the control loop, and once more when
// all has ended.
#include <utility>

#include "box/box.h"

namespace wasabi::box {
namespace {

constexpr Duration kWritePeriod = std::chrono::seconds(60);

}  // namespace

void Box::keepHistories() {
  writeHistories();
  history_timer_.arm(control_.now() + kWritePeriod, [this] { keepHistories(); });
}

void Box::writeHistories() {
  const std::uint64_t seen = desk_.seen();
  if (!histories_.keeps() || (seen == seen_when_written_ && !histories_.failed())) return;
  seen_when_written_ = seen;
  std::vector<catalog::FunctionPtr> specs;
  std::vector<policy::FunctionId> functions;
  for (const auto& [ignored, deployment] : functions_->deployments()) {
    specs.push_back(deployment.spec);
    functions.push_back(deployment.load->account.function());
  }
  const auto copies = desk_.histories(functions);
  std::vector<policy::FunctionHistory> histories;
  for (std::size_t i = 0; i < copies.size(); ++i) {
    if (copies[i]) histories.push_back({specs[i]->name, specs[i]->module.toHex(), *copies[i]});
  }
  histories_.write(std::move(histories));
}

}  // namespace wasabi::box
