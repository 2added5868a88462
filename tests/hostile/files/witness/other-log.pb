 BÇtTLºğéAü'^+œDRD³Ol"`§Âf·êÁ”£test/tax
6
obbBxZ4HgRme3mQEyTHBMi9eK3V519Hy0bFph30pvrU=

â€” test/tax gsp5Y0FVt6lUQACDBf+MVOMu6XLuXweuovu+Azx+r1Unk6uTKYUJ5h/LjzY6xgV493NMXzrmZE/xVHL8vrVotDFd9g8=
