 BÇtTLºğéAü'^+œDRD³Ol"`§Âf·êÁ”Átest/public_security
6
obbBxZ4HgRme3mQEyTHBMi9eK3V519Hy0bFph30pvrU=

â€” test/witness_a WChLWgAAAABq/Yb82DvHJjSQxDYKxGDiv/O6MGGnrvPzsj9upRDOJScgpDqFfy4A2x+zhEJUCdPaz/vzz9OIB2rJ0NNLW8Gl44TIDA==
