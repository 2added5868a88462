 BÇtTLºğéAü'^+œDRD³Ol"`§Âf·êÁ”»test/public_security
6
obbBxZ4HgRme3mQEyTHBMi9eK3V519Hy0bFph30pvrU=

â€” test/public_security I6Ggt1hTqCGMTdgtI3TDHI1yrPWIgXT4Tv2p3YyDZDx6M258gFwgDjsIbre6EKHj8gRsd1Cee/5E7xo+ohKoNOyfgAI=
