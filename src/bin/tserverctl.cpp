// tserverctl: the command line to a running tserver, and to the files it works with.
#include <iostream>

#include "cli/app.hpp"
#include "crypto/memory.hpp"
#include "os/process.hpp"

int main(int argc, char** argv) {
    tserver::os::end_when_memory_is_gone("tserverctl");
    tserver::crypto::fail_as_new_does();
    return tserver::cli::run({argv + 1, argv + argc}, std::cout, std::cerr);
}
