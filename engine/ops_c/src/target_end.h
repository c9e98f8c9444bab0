/* Ends what a target_*.h began. */
#if defined(__clang__)
#pragma clang attribute pop
#endif
