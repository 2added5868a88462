
›
ˆ
 federation.v1.DepartmentNode/Askcoordinator"public_security*ù‚ÍÞã¾S0Vô,GÙÃ–0Àö×8ìö×@HPZ Gîg>o!Np5Ø<›CIµ#üiQ‰qYÿ¹“Ã9(application/vnd.hedui.header.v1+protobufd
 71282b62babd697255353b8cd0fbf09f@(PêAýt›“ÚÀ ÔÊq•ƒÞ“ªµŽVz~FpŒ½ùÕÐ›l2ÿ@,{‚Pf":DgìY›ò£#Æ]
E*úvˆþíkgE½³MI
 ö—j‹dLýM T,X¬ ¼\·btìÖ}JPÌÆ(5P40* ¢t×6·È•tP4«[·Ÿ­5°üeËGbw,U
íß¹÷