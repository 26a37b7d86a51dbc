// tserverctl: the command line to a running tserver, and to the files it works with.
#include <iostream>

#include "cli/app.hpp"

int main(int argc, char** argv) { return tserver::cli::run({argv + 1, argv + argc}, std::cout, std::cerr); }
