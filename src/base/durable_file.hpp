// Files that stand there whole, or as they were before, also after a loss of power.
#pragma once
#include <sys/types.h>

#include <initializer_list>
#include <string>
#include <string_view>

namespace marquee::base {

// Puts `parts`, one after the other, in the place of the file `name`: written aside as
// `aside` (what stands there is removed), synced, renamed, and the rename synced. Both
// names are of the open directory `folder`; whoever else may write there at the same
// time has to use another `aside`. Blocks on the disk.
//
// Empty, or why not, to follow the file's name: "cannot be written: No space left on
// device". Then the file is as it was, and nothing stands aside; only where it "may not
// last" is it the new one already.
//
// `opened`: gets the new file's descriptor, for reading and writing, which the caller
// closes.
std::string replace_file(int folder, const std::string& name, const std::string& aside, mode_t mode,
                         std::initializer_list<std::string_view> parts, int* opened = nullptr);

}  // namespace marquee::base
