#include "engine/program.h"

#include <string>

#include "base/check.h"
#include "engine/engine.h"
#include "engine/engine_abi.h"

namespace wasabi::engine {

namespace {

ProgramKind kindOf(wsb_program_kind kind) {
  switch (kind) {
    case WSB_WASI_P1_COMMAND:
      return ProgramKind::kWasiP1Command;
    case WSB_CLI_COMMAND:
      return ProgramKind::kCliCommand;
    case WSB_HTTP_PROXY:
      break;
  }
  return ProgramKind::kHttpProxy;
}

}  // namespace

std::string_view toString(ProgramKind kind) {
  switch (kind) {
    case ProgramKind::kWasiP1Command:
      return "wasi-p1-command";
    case ProgramKind::kCliCommand:
      return "wasi-cli-command";
    case ProgramKind::kHttpProxy:
      break;
  }
  return "wasi-http-proxy";
}

Result<std::shared_ptr<const Program>> Program::load(const Engine& engine, const FileDescriptor& file) {
  WASABI_CHECK(file.valid());
  AbiError error;
  wsb_program* program = wsb_program_load(engine.engine_, file.get(), error.out());
  if (!program) return fail(ErrorCode::kInvalid, std::string(error.text()));
  return std::shared_ptr<const Program>(new Program(program));
}

Program::Program(wsb_program* program) : program_(program) {
  wsb_program_info info{};
  wsb_program_info_get(program, &info);
  kind_ = kindOf(info.kind);
  initial_memory_ = {info.initial_memory_bytes};
  initial_table_elements_ = info.initial_table_elements;
  code_size_ = {info.code_bytes};
}

Program::~Program() {
  wsb_program_delete(program_);
}

}  // namespace wasabi::engine
