#pragma once
// Planted fault: <string> is missing.
inline std::string planted() { return "leans on somebody else's include"; }
