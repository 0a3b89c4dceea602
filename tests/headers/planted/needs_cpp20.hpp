#pragma once
// Planted fault: public headers must compile as C++17, which has no concepts.
template <class T>
concept Planted = sizeof(T) > 0;
