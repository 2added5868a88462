 BÇtTLºğéAü'^+œDRD³Ol"`§Âf·êÁ”»test/public_security
6
obbBxZ4HgRme3mQEyTHBMi9eK3V519Hy0bFph30pvrU=

â€” test/public_security wT5Sbs1+Oc+G8JRVOlb1jbQAPCYreIAUhJ6XD6+/8Gpcrd0gb5WtWzn3UAqmb7mBSXHs2+LWr0sXTS8uVOof8SdFhwo=
