 BÇtTLºğéAü'^+œDRD³Ol"`§Âf·êÁ”Àtest/public_security
6
obbBxZ4HgRme3mQEyTHBMi9eK3V519Hy0bFph30pvrU=
more

â€” test/public_security wT5SbuRr75k7KEtpPwV60p1kJhIyniMz2qWUvgb0B+h3nM4QCyX4c0d//PzpuD7po+2WmQtWa7uUPEZFdMjH0tZmBgQ=
