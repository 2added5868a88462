 BÇtTLºğéAü'^+œDRD³Ol"`§Âf·êÁ”»test/public_security
6
MU4AcuOOQkQQSt1ybaB4p5LO3kk3kOk4V8YIX05egXs=

â€” test/public_security wT5SbrX4t8f1BxnHZZO0fmmiovooiZlRntmmC3eC5J/Bi9hCBsVjKxaWGsCvmBKzXhcbsf9Mf67/VSYOp12hPbhs1wI=
