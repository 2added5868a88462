»test/public_security
4
qqMSckxsHb/l2GLrjQPuWg54/WCuJPc316fK45dxIgw=

â€” test/public_security wT5SbrTBwPD1ICxr0UV7mqL3QuP3nOEKZoPabH5r9lQrzvLUfv4NfxnBG0Azw8P/wUutj/kJYIficzskKfp7hqkwXgg=
