#include "http/client_pool.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace wasabi::http {

PooledConnection::PooledConnection(ConnectionPool& pool, const Origin& origin, std::unique_ptr<Transport> transport)
    : pool_(&pool), origin_(&origin), transport_(std::move(transport)), reused_(transport_ != nullptr) {}

PooledConnection::PooledConnection(PooledConnection&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      origin_(other.origin_),
      transport_(std::move(other.transport_)),
      reused_(other.reused_) {}

PooledConnection::~PooledConnection() {
  if (pool_ != nullptr) pool_->freePlace(*origin_);
}

Result<PooledConnection> ConnectionPool::acquire(const Origin& origin) {
  for (;;) {
    const auto found = origins_.find(origin);
    if (found == origins_.end() || found->second.idle.empty()) return acquireFresh(origin);
    auto transport = takeIdle(found->second);
    if (transport->quiet()) return PooledConnection(*this, found->first, std::move(transport));
    freePlace(found->first);
  }
}

Result<PooledConnection> ConnectionPool::acquireFresh(const Origin& origin) {
  const auto found = origins_.find(origin);
  if (found != origins_.end() && found->second.open >= limits_.max_connections_per_origin) {
    if (found->second.idle.empty()) {
      return fail(ErrorCode::kExhausted, "too many connections to " + origin.host + " are open (" +
                                             std::to_string(found->second.open) + ", max_connections_per_origin)");
    }
    takeIdle(found->second).reset();
    freePlace(found->first);
  } else if (open_ >= limits_.max_connections) {
    if (idle_.empty()) {
      return fail(ErrorCode::kExhausted,
                  "too many outbound connections are open (" + std::to_string(open_) + ", max_connections)");
    }
    dropOldestIdle();
  }
  const auto entry = origins_.try_emplace(origin).first;
  ++entry->second.open;
  ++open_;
  return PooledConnection(*this, entry->first, nullptr);
}

void ConnectionPool::keep(PooledConnection connection) {
  PerOrigin& entry = origins_.at(*connection.origin_);
  if (entry.idle.size() >= limits_.max_idle_per_origin) return;
  idle_.push_back({connection.origin_, std::move(connection.transport_), loop_.now()});
  entry.idle.push_back(std::prev(idle_.end()));
  // Its place stays taken while it is idle.
  connection.pool_ = nullptr;
  armSweep();
}

// The one used last: its peer has had the least time to close it.
std::unique_ptr<Transport> ConnectionPool::takeIdle(PerOrigin& entry) {
  const auto last = entry.idle.back();
  entry.idle.pop_back();
  auto transport = std::move(last->transport);
  idle_.erase(last);
  return transport;
}

void ConnectionPool::dropOldestIdle() {
  const Origin& origin = *idle_.front().origin;
  auto& idle = origins_.at(origin).idle;
  idle.erase(std::find(idle.begin(), idle.end(), idle_.begin()));
  idle_.pop_front();
  freePlace(origin);
}

void ConnectionPool::freePlace(const Origin& origin) {
  const auto entry = origins_.find(origin);
  WASABI_CHECK(entry != origins_.end() && entry->second.open > 0);
  --open_;
  if (--entry->second.open == 0) origins_.erase(entry);
}

void ConnectionPool::armSweep() {
  if (!sweep_.armed()) sweep_.arm(idle_.front().since + limits_.idle_timeout, [this] { sweep(); });
}

void ConnectionPool::sweep() {
  const TimePoint now = loop_.now();
  while (!idle_.empty() && idle_.front().since + limits_.idle_timeout <= now) dropOldestIdle();
  if (!idle_.empty()) armSweep();
}

void ConnectionPool::closeIdle() {
  while (!idle_.empty()) dropOldestIdle();
}

}  // namespace wasabi::http
