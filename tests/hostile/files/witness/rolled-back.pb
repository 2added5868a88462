»test/public_security
3
UR2cx+3TI6ohgceX6BLtake0mrGKBhOzOGsC9dPUL3g=

â€” test/public_security wT5SbgMJVoIFAV4cy52bxhnd1qeZT+2u7NyifTKXFfnkV2l9EMfEMXKtvLfJ7S/S0u3wk+YS4vRqyoQjY9xysS/ifA0=
